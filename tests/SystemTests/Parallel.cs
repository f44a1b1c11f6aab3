// Every test host is a machine of its own, so fixtures that say they are parallelizable run beside each other, before the others; those
// that measure how long an answer takes say nothing and run alone. Three on two processors: most of their time they wait.
[assembly: NUnit.Framework.LevelOfParallelism(3)]
