// Package adopt brings together what ligase knows and what a cluster has.
//
// Templates that somebody already keeps become steps: [Read] and [Convert]
// make a definition of one that lies in a file, [Discover] of all those in a
// cluster that are labelled for it. [Compare] says how a template in the
// cluster differs from the one that the catalog would make.
package adopt
