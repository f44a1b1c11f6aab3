// A fixture that says it is parallelizable spends its time waiting, for clocks, processes and sockets of its own; those run beside each
// other, before the others. Four on two processors: see the durations in the report of a run.
[assembly: NUnit.Framework.LevelOfParallelism(4)]
