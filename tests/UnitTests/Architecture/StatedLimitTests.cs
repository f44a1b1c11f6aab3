using NUnit.Framework;

namespace Calico.UnitTests.Architecture;

/// <summary>The list of what stands above a limit.</summary>
[TestFixture]
public sealed class StatedLimitTests
{
    private static readonly StatedLimit Limit = new(10) { ["old"] = 14 };

    [TestCase("old", 14, null)]
    [TestCase("old", 11, null)]
    [TestCase("old", 15, "old has 15; it is stated with 14 and may only shrink")]
    [TestCase("old", 10, "old is no longer above 10: take it off the list")]
    public void One_that_is_stated_may_only_shrink(string name, int number, string? fault) =>
        Assert.That(Limit.Faults([new(name, number)]), Is.EqualTo(fault is null ? [] : new[] { fault }));

    [Test]
    public void One_that_is_new_has_the_limit() =>
        Assert.That(Limit.Faults([new("old", 12), new("full", 10), new("new", 11)]), Is.EqualTo(new[] { "new has 11; the limit is 10" }));

    [Test]
    public void One_that_is_gone_leaves_the_list() =>
        Assert.That(Limit.Faults([]), Is.EqualTo(new[] { "old is no longer above 10: take it off the list" }));
}
