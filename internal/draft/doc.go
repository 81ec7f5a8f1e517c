// Package draft writes definitions of steps as far as a program can know
// them, for their authors to complete: of what somebody has already, a
// command line ([Read]) or, in package adopt, a template in a cluster.
//
// What is written is sound as it stands. What only the author can know is
// marked FILL IN where it stands: a wrong guess costs more than a mark.
package draft
