package compare

// align pairs the positions of two sequences by their global alignment with
// affine gaps (Needleman & Wunsch 1970; Gotoh 1982) under BLOSUM62 (Henikoff
// & Henikoff 1992), gap costs 11 and 1, gaps at the ends free: a truncated
// model is no worse a match. Of equally good alignments always the same one
// is returned; none of sequences whose table would take over 100 MB.
func align(a, b string) [][2]int {
	const open, extend = 11, 1 // of the first and of each further residue of a gap
	const never = -1 << 29
	// Three tables: the last column is a pair (m), a residue of a against a
	// gap (x), or one of b (y). from keeps what each came from, two bits each.
	if len(a)*len(b) > maxAlignment {
		return nil
	}
	score := blosum62()
	width := len(b) + 1
	from := make([]uint8, (len(a)+1)*width)
	m, x, y := make([]int, width), make([]int, width), make([]int, width)
	for j := range width {
		m[j], x[j], y[j] = never, never, 0
	}
	m[0], y[0] = 0, never
	for i := 1; i <= len(a); i++ {
		diagonalM, diagonalX, diagonalY := m[0], x[0], y[0]
		m[0], x[0], y[0] = never, 0, never
		for j := 1; j <= len(b); j++ {
			upM, upX, upY := m[j], x[j], y[j]
			best, was := best3(diagonalM, diagonalX, diagonalY)
			trace := was
			m[j] = best + int(score[a[i-1]&31][b[j-1]&31])

			gap, more := open, extend
			if j == len(b) {
				gap, more = 0, 0 // b has ended
			}
			x[j], was = best3(upM-gap, upX-more, upY-gap)
			trace |= was << 2

			gap, more = open, extend
			if i == len(a) {
				gap, more = 0, 0
			}
			y[j], was = best3(m[j-1]-gap, x[j-1]-gap, y[j-1]-more)
			trace |= was << 4

			from[i*width+j] = trace
			diagonalM, diagonalX, diagonalY = upM, upX, upY
		}
	}
	var pairs [][2]int
	_, state := best3(m[len(b)], x[len(b)], y[len(b)])
	for i, j := len(a), len(b); i > 0 && j > 0; {
		trace := from[i*width+j]
		switch state {
		case 0:
			i, j = i-1, j-1
			pairs = append(pairs, [2]int{i, j})
			state = trace & 3
		case 1:
			i--
			state = trace >> 2 & 3
		default:
			j--
			state = trace >> 4 & 3
		}
	}
	for i, j := 0, len(pairs)-1; i < j; i, j = i+1, j-1 {
		pairs[i], pairs[j] = pairs[j], pairs[i]
	}
	return pairs
}

// best3 returns the largest and which it is; the first of equals.
func best3(m, x, y int) (int, uint8) {
	switch {
	case m >= x && m >= y:
		return m, 0
	case x >= y:
		return x, 1
	}
	return y, 2
}

// maxAlignment bounds the table of an alignment, in cells of a byte.
const maxAlignment = 100 << 20

// blosum62 scores pairs of amino acids in half-bits, by the low five bits of
// their letters; what is not one of the twenty scores −1.
func blosum62() *[32][32]int8 {
	const order = "ARNDCQEGHILKMFPSTWYV"
	lower := [len(order)][]int8{
		{4},
		{-1, 5},
		{-2, 0, 6},
		{-2, -2, 1, 6},
		{0, -3, -3, -3, 9},
		{-1, 1, 0, 0, -3, 5},
		{-1, 0, 0, 2, -4, 2, 5},
		{0, -2, 0, -1, -3, -2, -2, 6},
		{-2, 0, 1, -1, -3, 0, 0, -2, 8},
		{-1, -3, -3, -3, -1, -3, -3, -4, -3, 4},
		{-1, -2, -3, -4, -1, -2, -3, -4, -3, 2, 4},
		{-1, 2, 0, -1, -3, 1, 1, -2, -1, -3, -2, 5},
		{-1, -1, -2, -3, -1, 0, -2, -3, -2, 1, 2, -1, 5},
		{-2, -3, -3, -3, -2, -3, -3, -3, -1, 0, 0, -3, 0, 6},
		{-1, -2, -2, -1, -3, -1, -1, -2, -2, -3, -3, -1, -2, -4, 7},
		{1, -1, 1, 0, -1, 0, 0, 0, -1, -2, -2, 0, -1, -2, -1, 4},
		{0, -1, 0, -1, -1, -1, -1, -2, -2, -1, -1, -1, -1, -2, -1, 1, 5},
		{-3, -3, -4, -4, -2, -2, -3, -2, -2, -3, -2, -3, -1, 1, -4, -3, -2, 11},
		{-2, -2, -2, -3, -2, -1, -2, -3, 2, -1, -1, -2, -1, 3, -3, -2, -2, 2, 7},
		{0, -3, -3, -3, -1, -2, -2, -3, -3, 3, 1, -2, 1, -1, -2, -2, 0, -3, -1, 4},
	}
	var table [32][32]int8
	for i := range table {
		for j := range table {
			table[i][j] = -1
		}
	}
	for i := range order {
		for j, s := range lower[i] {
			a, b := order[i]&31, order[j]&31
			table[a][b], table[b][a] = s, s
		}
	}
	return &table
}
