package integration

// What tests of processes share with the brokers that run as one, and what tells them that there is no container.
var (
	TieToThisProcess = tieToThisProcess
	KillTied         = killTied
	// FreshlineBytes is the binary that StartFreshline runs, built once.
	FreshlineBytes = readOrCompile

	ErrNoDocker = errNoDocker
	ErrNoImage  = errNoImage
)
