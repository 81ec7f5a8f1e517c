package tool

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
)

// ChosenChains says of each chain whether it is in a list like "A,B"; in an
// empty one are all.
func ChosenChains(s *mol.Structure, list string) ([]bool, error) {
	designed := make([]bool, len(s.Chains))
	var ids []string
	for i := range s.Chains {
		ids = append(ids, s.Chains[i].ID)
		designed[i] = list == ""
	}
	if list == "" {
		return designed, nil
	}
	for _, id := range strings.Split(list, ",") {
		i := slices.Index(ids, strings.TrimSpace(id))
		if i < 0 {
			return nil, Refusef("There is no chain %q in the structure, which has %s; name chains like A or A,B.", id, strings.Join(ids, ", "))
		}
		designed[i] = true
	}
	return designed, nil
}

// RequireBackbone refuses a structure that is mostly a Cα trace: without N and
// C there is no telling where side chains point.
func RequireBackbone(s *mol.Structure) error {
	total, bare := 0, 0
	for i := range s.Chains {
		for j := range s.Chains[i].Residues {
			r := &s.Chains[i].Residues[j]
			total++
			if r.Atom("N") == nil || r.Atom("C") == nil {
				bare++
			}
		}
	}
	if total == 0 {
		return Refusef("The structure has no protein residues; give one with a backbone of N, CA and C atoms.")
	}
	if 2*bare > total {
		return Refusef("%d of %d residues have no N or C atom: this is a trace of CA atoms. A design needs the backbone; rebuild N, CA, C and O first.", bare, total)
	}
	return nil
}

var fixedPattern = regexp.MustCompile(`^(?:([A-Za-z0-9]+):)?(-?\d+)([A-Za-z]?)(?:-(-?\d+)([A-Za-z]?))?$`)

// FixedResidues says of each residue of each chain whether it is in a list like
// "1-5,A:10,B:52A": numbers as in the file, with insertion codes; the chain may
// be left out where one is designed. Residues that are none of the twenty
// cannot be kept.
func FixedResidues(s *mol.Structure, designed []bool, list string) ([][]bool, error) {
	fixed := make([][]bool, len(s.Chains))
	chains := 0
	for i := range s.Chains {
		fixed[i] = make([]bool, len(s.Chains[i].Residues))
		if designed[i] {
			chains++
		}
	}
	if strings.TrimSpace(list) == "" {
		return fixed, nil
	}
	for _, item := range strings.Split(list, ",") {
		item = strings.TrimSpace(item)
		m := fixedPattern.FindStringSubmatch(item)
		if m == nil {
			return nil, Refusef("%q is no position to keep; write residue numbers as in the file, like 1-5,A:10.", item)
		}
		chain := m[1]
		if chain == "" {
			if chains > 1 {
				return nil, Refusef("The position %s could be of any of %d chains; write it with its chain, like A:%s.", item, chains, item)
			}
		}
		first, err1 := strconv.Atoi(m[2])
		last, err2 := first, error(nil)
		if m[4] != "" {
			last, err2 = strconv.Atoi(m[4])
		}
		if err1 != nil || err2 != nil || last < first {
			return nil, Refusef("The positions %s run backwards or out of numbers; write them like 1-5.", item)
		}
		from, to := position{first, insertionCode(m[3])}, position{last, insertionCode(m[5])}
		if m[4] == "" {
			to = from
		}
		if m[4] != "" && m[5] == "" {
			to.insertion = 0xff // a range to 52 takes 52A and 52B along
		}
		found := 0
		for i := range s.Chains {
			c := &s.Chains[i]
			if !designed[i] {
				if c.ID == chain {
					return nil, Refusef("Chain %s is not among those to design, so it stays as it is; leave %s out.", chain, item)
				}
				continue
			}
			for j := range c.Residues {
				r := &c.Residues[j]
				here := position{r.Number, r.Insertion}
				if (chain != "" && c.ID != chain) || here.before(from) || to.before(here) {
					continue
				}
				if r.Code == 'X' {
					return nil, Refusef("Residue %s of chain %s is %s, which is none of the twenty amino acids, so it cannot be kept; leave %s out.", here, c.ID, r.Name, item)
				}
				fixed[i][j] = true
				found++
			}
		}
		if found == 0 {
			return nil, Refusef("There is no residue %s in the structure; its residues are %s.", item, residueRanges(s, designed))
		}
	}
	return fixed, nil
}

// position is a residue's number in its file.
type position struct {
	number    int
	insertion byte
}

func (p position) before(q position) bool {
	return p.number < q.number || p.number == q.number && p.insertion < q.insertion
}

func (p position) String() string {
	if p.insertion == 0 {
		return strconv.Itoa(p.number)
	}
	return fmt.Sprintf("%d%c", p.number, p.insertion)
}

func insertionCode(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}

// residueRanges says which numbers there are, "A:1-76, B:3-80".
func residueRanges(s *mol.Structure, designed []bool) string {
	var parts []string
	for i := range s.Chains {
		if r := s.Chains[i].Residues; designed[i] && len(r) > 0 {
			parts = append(parts, fmt.Sprintf("%s:%d-%d", s.Chains[i].ID, r[0].Number, r[len(r)-1].Number))
		}
	}
	return strings.Join(parts, ", ")
}
