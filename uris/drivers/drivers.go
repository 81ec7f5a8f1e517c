// Package drivers has the storage services that ligase knows, each in a package
// of its own: their libraries are large, and a small program takes only those
// that it needs.
//
// Credentials come from where each service's own tools take them. None come
// from a URI or from ligase's configuration.
package drivers

import (
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers/azblob"
	"github.com/ligase-bio/ligase/uris/drivers/gs"
	"github.com/ligase-bio/ligase/uris/drivers/s3"
)

// All returns the opener of every service, for [uris.Options].Openers.
func All() map[string]uris.Opener {
	return map[string]uris.Opener{"s3": s3.Open, "oss": s3.OpenOSS, "gs": gs.Open, "azblob": azblob.Open}
}
