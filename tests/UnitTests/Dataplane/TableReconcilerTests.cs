using System.Collections.Immutable;
using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Linux.Nftables;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>A difference is made only on what was read: a stranger's change in between refuses the commit.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TableReconcilerTests : IDisposable
{
    private static readonly DataplaneOptions Options = new() { NodeName = "node-a" };

    private readonly FakeNftables _nftables = new();
    private readonly TableReconciler _table;

    public TableReconcilerTests() => _table = new(_nftables, Options);

    /// <summary>With the kernel that it was given.</summary>
    public void Dispose()
    {
        _table.Dispose();
        _nftables.Dispose();
    }

    private Ruleset Read(uint generation)
    {
        var ruleset = new RulesetTranslator(Options).Ruleset;
        ruleset.Rebase(new NftTableState { Table = ruleset.Table, Generation = generation });
        return ruleset;
    }

    [TestCase(5u, 6u)]
    [TestCase(uint.MaxValue, 1u, Description = "the kernel leaves 0 out")]
    public void A_commit_insists_on_the_generation_that_was_read_and_the_second_of_two_on_the_one_after(uint generation, uint next)
    {
        var ruleset = Read(generation);
        Assert.That(ruleset.HasAhead, Is.True, "new chains go before the rest");
        Assert.That(_table.Commit(ruleset, generation), Is.True);
        Assert.That(_nftables.Generations, Is.EqualTo(new uint?[] { generation, next }));
        Assert.That((_table.Commit(ruleset, generation), _nftables.Commits.Count), Is.EqualTo((false, 2)), "nothing is left");
    }

    [Test]
    public void An_interface_is_taken_out_of_every_set_that_knows_it_on_the_generation_that_was_read()
    {
        var table = new NftTable(NftFamily.Inet, Options.TableName);
        var (a, ab) = (NftElement.Of(NftValue.LinkName("calia")), NftElement.Of(NftValue.LinkName("caliab")));
        _nftables.Holds = new()
        {
            Table = table,
            Generation = 9,
            Sets = [new() { Name = "workloads", KeyLength = 16 }, new() { Name = "others", KeyLength = 16 },
                new() { Name = "marks", KeyLength = 4 }],
            Elements = ImmutableDictionary<string, ImmutableArray<NftElement>>.Empty.Add("workloads", [a, ab]).Add("others", [ab])
                .Add("marks", [NftElement.Of(NftValue.LinkNamePrefix("cali"))]),
        };
        _table.RemoveInterface(table, "calia");
        Assert.That(_nftables.Commits.Single(), Has.Length.EqualTo(1).And.Some.Contains("delete elements of set workloads"));
        Assert.That(_nftables.Generations, Is.EqualTo(new uint?[] { 9 }));
        _table.RemoveInterface(table, "calic");
        Assert.That(_nftables.Commits, Has.Count.EqualTo(1), "nothing to do");
    }
}
