// A fixture that says it is parallelizable waits for clocks, processes and sockets of its own, or computes for long; those run beside each
// other, before the others. Four on two processors: see the durations in the report of a run.
[assembly: NUnit.Framework.LevelOfParallelism(4)]
