// Package uris names data and moves it. Big data moves only by URI: a step
// commits objects to a store and hands on their URIs, and whoever takes one
// stages it from there.
//
// A [URI] is a small comparable value. [Parse] is strict: one text for one
// object, with no credentials, no query, no escapes and no way out of a
// folder. What an installation needs to know about a bucket (its endpoint, its
// region, its credentials) is the installation's configuration and never
// stands in a URI.
//
// A [Store] reads and writes objects below the folders that it was given and
// nowhere else. It works on top of gocloud.dev/blob, except for local files,
// which are on the hot path of every submit and every commit and need
// guarantees that an object-store abstraction does not give; see folder.go.
//
// A [Layout] names every object of a run, and finds back from an object's URI
// to the task that made it. An [Index] says which item of nested scatters a
// task is.
//
// # Errors
//
// Errors wrap one of problem.ErrNotFound, problem.ErrExists,
// problem.ErrRefused and problem.ErrUnavailable, or [ErrDigest]; what wraps
// none of them is a bug or a state that needs a person. When the context has
// ended, its Err comes back as it is. Passing faults have been retried before
// problem.ErrUnavailable is returned.
package uris
