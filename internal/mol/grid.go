package mol

import "math"

// Grid finds the points near a place in time that does not depend on how many
// points there are.
type Grid struct {
	points []Vec
	cell   float64
	cells  map[[3]int32][]int32
}

// NewGrid sorts points into cubes with edges of cell Å (at least 0.1). It is
// quickest when cell is the radius that will be asked for.
func NewGrid(points []Vec, cell float64) *Grid {
	g := &Grid{points: points, cell: max(cell, 0.1), cells: make(map[[3]int32][]int32, len(points)/2+1)}
	for i, p := range points {
		k := g.key(p)
		g.cells[k] = append(g.cells[k], int32(i))
	}
	return g
}

func (g *Grid) key(p Vec) [3]int32 {
	var k [3]int32
	for i := range p {
		k[i] = int32(math.Floor(p[i] / g.cell))
	}
	return k
}

// Within calls f with the number and the distance of each point not further
// than radius from p, in an order that depends only on the points.
func (g *Grid) Within(p Vec, radius float64, f func(i int, distance float64)) {
	k, reach := g.key(p), int32(math.Ceil(radius/g.cell))
	for x := k[0] - reach; x <= k[0]+reach; x++ {
		for y := k[1] - reach; y <= k[1]+reach; y++ {
			for z := k[2] - reach; z <= k[2]+reach; z++ {
				for _, i := range g.cells[[3]int32{x, y, z}] {
					if d2 := g.points[i].Distance2(p); d2 <= radius*radius {
						f(int(i), math.Sqrt(d2))
					}
				}
			}
		}
	}
}
