using System.Globalization;
using NUnit.Framework;

namespace Calico.VectorTests;

/// <summary>One test for each vector of the folder; at the end a table of passed, failed and not-applicable by kind.</summary>
[TestFixture]
public sealed class VectorTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        if (VectorFolder.Missing is { } reason)
        {
            yield return new TestCaseData((VectorOutcome?)null).SetName("Vectors").Ignore(reason);
        }

        foreach (var outcome in VectorFolder.Outcomes.Where(outcome => outcome.Verdict is not VectorVerdict.NotApplicable))
        {
            yield return new TestCaseData(outcome).SetName($"{Stem(outcome)}.{outcome.Id}");
        }

        // Hundreds of equal skips would hide what failed: one for each kind and reason.
        foreach (var group in VectorFolder.Outcomes.Where(outcome => outcome.Verdict is VectorVerdict.NotApplicable)
            .GroupBy(outcome => (Stem: Stem(outcome), ((VectorVerdict.NotApplicable)outcome.Verdict).Reason)))
        {
            yield return new TestCaseData(group.First())
                .SetName($"{group.Key.Stem}: {group.Key.Reason}").Ignore($"{group.Key.Reason} ({group.Count()} vectors)");
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Vector_ends_as_upstream_says(VectorOutcome? outcome)
    {
        if (outcome?.Verdict is VectorVerdict.Failed failed)
        {
            Assert.Fail($"{outcome.Description}\n{failed.Text}");
        }

        Assert.That(outcome?.Verdict, Is.EqualTo(VectorVerdict.Pass));
    }

    [OneTimeTearDown]
    public static void PrintTable()
    {
        TestContext.Progress.WriteLine(string.Format(CultureInfo.InvariantCulture, "{0,-58} {1,6} {2,6} {3,14}", "vectors", "passed",
            "failed", "not-applicable"));
        foreach (var group in VectorFolder.Outcomes.GroupBy(outcome => (outcome.File, outcome.Kind)).OrderBy(group => group.Key))
        {
            Print($"{group.Key.File} {group.Key.Kind}", [.. group]);
        }

        Print("all", [.. VectorFolder.Outcomes]);
    }

    private static void Print(string title, IReadOnlyCollection<VectorOutcome> outcomes)
    {
        var reasons = outcomes.Select(outcome => outcome.Verdict).OfType<VectorVerdict.NotApplicable>()
            .GroupBy(verdict => verdict.Reason).Select(group => $"{group.Key} ({group.Count()})");
        TestContext.Progress.WriteLine(string.Format(CultureInfo.InvariantCulture, "{0,-58} {1,6} {2,6} {3,14}  {4}", title,
            outcomes.Count(outcome => outcome.Verdict is VectorVerdict.Passed),
            outcomes.Count(outcome => outcome.Verdict is VectorVerdict.Failed),
            outcomes.Count(outcome => outcome.Verdict is VectorVerdict.NotApplicable),
            title == "all" ? "" : string.Join("; ", reasons)).TrimEnd());
    }

    private static string Stem(VectorOutcome outcome) => $"{Path.GetFileNameWithoutExtension(outcome.File)}.{outcome.Kind}";
}
