package state

import (
	"bytes"
	"slices"
	"sort"
)

// oracle is the naive store: a sorted slice.
type oracle []pair

func (o oracle) at(key []byte) (int, bool) {
	i := sort.Search(len(o), func(i int) bool { return bytes.Compare(o[i].key, key) >= 0 })
	return i, i < len(o) && bytes.Equal(o[i].key, key)
}

func (o oracle) get(key []byte) ([]byte, bool) {
	if i, ok := o.at(key); ok {
		return o[i].value, true
	}
	return nil, false
}

func (o *oracle) set(key, value []byte) {
	p := pair{bytes.Clone(key), bytes.Clone(value)}
	if i, ok := o.at(key); ok {
		(*o)[i] = p
	} else {
		*o = slices.Insert(*o, i, p)
	}
}

func (o *oracle) delete(key []byte) {
	if i, ok := o.at(key); ok {
		*o = slices.Delete(*o, i, i+1)
	}
}

func (o *oracle) dropPrefix(prefix []byte) {
	*o = slices.DeleteFunc(*o, func(p pair) bool { return bytes.HasPrefix(p.key, prefix) })
}

// scan returns the pairs with from <= key < to.
func (o oracle) scan(from, to []byte) oracle {
	i, _ := o.at(from)
	j := len(o)
	if to != nil {
		j, _ = o.at(to)
	}
	if j < i {
		j = i
	}
	return o[i:j]
}

func (o oracle) copy() oracle { return slices.Clone(o) }
