package dag

// scopes are the dimensions in a graph. A port that gives many opens a scope
// below its node's, so scopes form a tree, and the dimensions of a value are
// the path from the root (number 0, no dimension) to its scope. That one
// value's dimensions are a prefix of another's means that its scope is an
// ancestor.
type scopes struct {
	all  []scope
	node []int32 // by node: its dimensions
	base []int32 // by node: those of its Within alone

	ports  []int32 // by output port: what it gives
	portAt []int32 // by node: where its output ports begin in ports
	inputs []int32 // by boundary port: what it gives
}

// scope is what one port that gives many opens.
type scope struct {
	parent     int32
	node, port int32 // the port
	depth      int32
}

const rootScope = int32(0)

// unknownScope is the dimension of what could not be worked out because of a
// problem that is already reported.
const unknownScope = int32(-1)

func (s *scopes) open(parent, node, port int32) int32 {
	s.all = append(s.all, scope{parent: parent, node: node, port: port, depth: s.all[parent].depth + 1})
	return int32(len(s.all) - 1)
}

func (s *scopes) depth(x int32) int { return int(s.all[x].depth) }

func (s *scopes) gives(node, port int32) int32 {
	if node == boundary {
		return s.inputs[port]
	}
	return s.ports[s.portAt[node]+port]
}

// isPrefix reports whether a is b or an ancestor of it.
func (s *scopes) isPrefix(a, b int32) bool {
	for s.all[b].depth > s.all[a].depth {
		b = s.all[b].parent
	}
	return a == b
}

// meet is the deepest scope that is a prefix of both.
func (s *scopes) meet(a, b int32) int32 {
	for a != b {
		if s.all[a].depth > s.all[b].depth {
			a = s.all[a].parent
		} else {
			b = s.all[b].parent
		}
	}
	return a
}
