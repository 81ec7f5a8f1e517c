// Package local runs plans as processes on this machine.
//
// [Engine] implements runs.Engine. It follows each run through its graph with
// a follow.Account, grants slots of CPU, memory and GPU, and has steps/worker
// execute the attempts. It keeps no state of its own: which tasks are done is
// what the commit records in the run folder say, so an engine that was killed
// goes on where it was, once what it left running has been ended.
//
// Around it stand the parts that make one engine per data folder:
//
//   - [Lock] takes the data folder for this process, or says who has it;
//   - [Serve] holds the lock while there is something to do: what the command
//     `ligase engine` is;
//   - [Remote] is the engine of a process that does not run one: it makes sure
//     that a `ligase engine` is there.
//
// # Order
//
// Among runs, the one that holds the smallest share of the machine comes
// first: a run's share is the largest of its shares of CPU, memory and GPUs
// (dominant resource fairness; Ghodsi et al., NSDI 2011). Runs with equal
// shares go by order of submission. Within a run the longest remaining path in
// the graph goes first, then the order of the plan, then the index. A task
// that does not fit is passed over by smaller ones for a while, not for ever:
// after [patience] of them, what it is short of is kept for it.
//
// # Failures
//
// A failed attempt is tried again when the implementation's retries name its
// class and its limit is not used up, after a growing, jittered wait. The
// first task that fails for good, and was not allowed to, decides the run:
// nothing new is started, attempts that are running may end and commit (GPU
// hours are dear, and a retry of the run uses every commit), then the run is
// failed with that first failure. Cancel ends them at once.
//
// What was spent of a task's attempts is read back from the run folder when
// another engine goes on with the run; a retry of the run begins anew. An
// attempt that died with the engine has not failed: it is not counted against
// the limit. But a task that outlives [enginesMost] engines more than its limit
// fails: it may be what ends them.
package local
