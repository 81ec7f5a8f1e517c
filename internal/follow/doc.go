// Package follow keeps account of one run while an engine carries it out: told
// how tasks ended, it says what can start, what failed because of that, what
// the run came to, and how all of it reads in the run's history. It starts
// nothing and asks nobody; what it tells goes out through an [Outbox], or
// through the engine's own.
package follow
