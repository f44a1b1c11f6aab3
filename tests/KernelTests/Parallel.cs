// Every test has namespaces of its own, so fixtures run two at a time; those that measure how long something takes say that they run alone.
[assembly: NUnit.Framework.Parallelizable(NUnit.Framework.ParallelScope.Fixtures)]
[assembly: NUnit.Framework.LevelOfParallelism(2)]
