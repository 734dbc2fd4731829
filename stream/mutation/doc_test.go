// Package mutation tests the tests: it breaks the code on purpose, in one place at a time, and runs the tests that have
// to notice. A mutant that survives is a hole in them.
//
//	go test ./stream/mutation -run Mutants -mutate -v -timeout 3h
//
// tries all and prints a table; -mutate.only TEXT those whose name has the text. The code itself is not touched: a
// mutant is compiled by `go test -overlay`. Every ordinary run checks that each mutant still has its place in the code.
package mutation
