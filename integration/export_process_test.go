package integration

// What tests of processes share with the brokers that run as one, and what tells them that there is no container.
var (
	StartTied = startTied
	KillTied  = killTied
	// FreshlineBytes is the binary that StartFreshline runs, built once.
	FreshlineBytes = readOrCompile

	// Tell prints to the standard error of go test itself, where it would print nothing of a package that passes.
	Tell = tellGoTest

	ErrNoDocker = errNoDocker
	ErrNoImage  = errNoImage
)
