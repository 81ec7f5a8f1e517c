package container

import "testing"

func TestVolumes(t *testing.T) {
	h := NewHost(Options{
		Mounts:  []Mount{{Source: "/srv/all", Target: "/weights", ReadOnly: true}, {Source: "/srv/db", Target: "/db"}},
		Volumes: map[string]string{"a": "/srv/a", "b": "/srv/b"},
	})
	for _, c := range []struct {
		host     *Host
		name, at string
		folder   string
		mounted  bool
	}{
		{h, "a", "/elsewhere", "/srv/a", true},
		{h, "b", "/weights/b", "/srv/b", true}, // what was named counts, whatever else is there
		{h, "c", "/weights/c", "/srv/all/c", false},
		{h, "c", "/weights", "/srv/all", false},
		{h, "c", "/weights2", "", false},
		{h, "c", "/", "", false},
		{h, "c", "/d", "", false},
		{nil, "a", "/weights/a", "", false},
	} {
		folder := c.host.Folder(c.name, c.at)
		m, mounted := c.host.Volume(c.name, c.at)
		if folder != c.folder || mounted != c.mounted {
			t.Errorf("%s at %s is %q, mounted %v", c.name, c.at, folder, mounted)
		}
		if mounted && m != (Mount{Source: c.folder, Target: c.at, ReadOnly: true}) {
			t.Errorf("%s is mounted as %+v", c.name, m)
		}
	}
}
