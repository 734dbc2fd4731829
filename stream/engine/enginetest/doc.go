// Package enginetest is what the engine is held against, for tests of every level: of the engine alone, of a
// simulated deployment, and of one on Kafka.
//
//   - Oracle recomputes every answer from the latest rows and the newest graph, as naively as can be.
//   - GraphMaker and WriteMaker make random graphs and writes, also such as no sane user would make.
//   - EachSeed, ShrinkList and ShrinkLines run histories by their seeds, and make those that fail small.
//
// It imports testing, and is for tests only.
package enginetest
