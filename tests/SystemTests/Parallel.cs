// Every test host is a machine of its own, so fixtures that say they are parallelizable run beside each other, before the others; those
// that measure how long an answer takes say nothing and run alone.
[assembly: NUnit.Framework.LevelOfParallelism(2)]
