using Calico.Datastore.Store;
using Calico.EmbeddedStore.Engine;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <summary>What a transaction may be, and when its comparisons hold.</summary>
public sealed class TransactionRulesTests
{
    private static readonly string Long = new('k', 300);

    [Test]
    public void Up_to_128_comparisons_and_operations_of_a_branch_are_taken()
    {
        Assert.That(Refusal([.. Enumerable.Repeat(Compare("a"), 128)], Puts(128), Puts(128)), Is.Null);
        foreach (var (compares, success, failure) in new[] { (129, 0, 0), (0, 129, 0), (0, 0, 129) })
        {
            Assert.That(Refusal([.. Enumerable.Repeat(Compare("a"), compares)], Puts(success), Puts(failure)),
                Is.EqualTo("transaction: more than 128 comparisons or operations"));
        }
    }

    [Test]
    public void Both_branches_together_hold_a_megabyte_and_a_half_of_keys_and_values()
    {
        const int Most = 1536 * 1024;
        Assert.That(Refusal([], [Put("a", Most - 1)], []), Is.Null);
        Assert.That(Refusal([], [Put("a", Most)], []), Is.EqualTo("transaction: more than 1572864 bytes"));
        Assert.That(Refusal([], [Put("a", Most / 2)], [Put("a", (Most / 2) - 2)]), Is.Null);
        Assert.That(Refusal([], [Put("a", Most / 2)], [Put("a", (Most / 2) - 1)]), Is.EqualTo("transaction: more than 1572864 bytes"));
    }

    [Test]
    public void Whatever_is_done_or_compared_has_a_key()
    {
        Assert.That(Refusal([Compare("a"), Compare("")], [], []), Is.EqualTo("transaction: a comparison without a key"));
        foreach (var operation in new EngineOperation[] { Put("", 1), Delete("", ""), new EngineOperation.Range(new(Interval("", ""))) })
        {
            Assert.That(Refusal([], [Put("a", 1), operation], []), Is.EqualTo("transaction: an operation without a key"));
            Assert.That(Refusal([], [], [operation]), Is.EqualTo("transaction: an operation without a key"));
        }

        Assert.That(Refusal([], [Put("a", 1), Delete("b", ""), new EngineOperation.Range(new(Interval("a", "")))], []), Is.Null);
    }

    [Test]
    public void No_key_is_changed_twice_in_a_branch()
    {
        Assert.That(Refusal([], [Put("a", 1), Put("b", 1), Put("a", 2)], []), Is.EqualTo("transaction: the key a would be changed twice"));
        Assert.That(Refusal([], [Delete("a", "c"), Put("b", 1)], []), Is.EqualTo("transaction: the key b would be changed twice"));
        Assert.That(Refusal([], [Put("x", 1), Put(Long, 1), Delete(Long, "")], []),
            Is.EqualTo($"transaction: the key {Long[..200]} would be changed twice"));
        Assert.That(Refusal([], [Put("a\n", 1), Delete("a", "b")], []), Is.EqualTo("transaction: the key a? would be changed twice"));
        Assert.That(Refusal([], [Put("a", 1), Delete("b", "c"), Delete("b", "")], [Put("a", 1)]), Is.Null);
    }

    [TestCase(CompareTarget.Version, 2)]
    [TestCase(CompareTarget.CreateRevision, 2)]
    [TestCase(CompareTarget.ModRevision, 3)]
    [TestCase(CompareTarget.Lease, 7)]
    public void A_number_is_compared_with_what_the_key_has_and_an_absent_one_has_none(CompareTarget target, long number)
    {
        var state = Filled();
        var held = (string key, long compared) => string.Join(' ', Enum.GetValues<CompareResult>()
            .Where(result => TransactionRules.Holds(new(Interval(key, ""), target, result, compared, default), state)));
        Assert.That(held("a", number), Is.EqualTo("Equal"));
        Assert.That(held("a", number - 1).Split(' ').Order(), Is.EqualTo(new[] { "Greater", "NotEqual" }));
        Assert.That(held("a", number + 1).Split(' ').Order(), Is.EqualTo(new[] { "Less", "NotEqual" }));
        Assert.That(held("none", 0), Is.EqualTo("Equal"));
        Assert.That(held("none", 1).Split(' ').Order(), Is.EqualTo(new[] { "Less", "NotEqual" }));
    }

    [Test]
    public void Values_are_compared_as_bytes_and_an_absent_one_with_nothing()
    {
        var state = Filled();
        var holds = (string key, CompareResult result, string value) =>
            TransactionRules.Holds(new(Interval(key, ""), CompareTarget.Value, result, 0, KeyText.Bytes(value)), state);
        Assert.That((holds("a", CompareResult.Equal, "2"), holds("a", CompareResult.Less, "3"), holds("a", CompareResult.Greater, "10"),
            holds("a", CompareResult.NotEqual, "2")),
            Is.EqualTo((true, true, true, false)));
        Assert.That(Enum.GetValues<CompareResult>().Any(result => holds("none", result, "")), Is.False);
    }

    [Test]
    public void An_interval_holds_for_each_key_and_an_empty_one_for_the_absent_key()
    {
        var state = Filled();
        Assert.That(Versions("a", "c", 2), Is.False, "b is at 1");
        Assert.That(Versions("a", "b", 2), Is.True);
        Assert.That(Versions("b", "c", 1), Is.True);
        Assert.That(Versions("a", "c", 1), Is.False);
        Assert.That(Versions("x", "z", 0), Is.True);
        Assert.That(Versions("x", "z", 1), Is.False);

        bool Versions(string start, string end, long version) =>
            TransactionRules.Holds(new(Interval(start, end), CompareTarget.Version, CompareResult.Equal, version, default), state);
    }

    [Test]
    public void What_nothing_knows_is_refused_and_not_taken_for_false()
    {
        var compare = new EngineCompare(Interval("a", ""), CompareTarget.Version, CompareResult.Equal, 1, default);
        Assert.That(Assert.Throws<CalicoException>(() => TransactionRules.Holds(compare with { Target = (CompareTarget)99 },
            Filled()))!.Message,
            Is.EqualTo("transaction: no such target: 99"));
        Assert.That(Assert.Throws<CalicoException>(() => TransactionRules.Holds(compare with { Result = (CompareResult)99 },
            Filled()))!.Message,
            Is.EqualTo("transaction: no such comparison: 99"));
    }

    /// <summary>a: version 2, created at 2, changed at 3, lease 7, value 2; b: version 1.</summary>
    private static EngineState Filled()
    {
        var batch = new WriteBatch(new(), new());
        batch.GrantLease(7, 60);
        batch.Commit(new(Put("a", 1)));
        batch.Commit(new(new EngineOperation.Put(KeyText.Bytes("a"), KeyText.Bytes("2"), 7)));
        batch.Commit(new(Put("b", 1)));
        return batch.State;
    }

    private static string? Refusal(EngineCompare[] compares, EngineOperation[] success, EngineOperation[] failure)
    {
        try
        {
            TransactionRules.Check(new(compares, success, failure));
            return null;
        }
        catch (CalicoException refusal) when (refusal.Problem == Problem.Invalid)
        {
            return refusal.Message;
        }
    }

    private static EngineOperation[] Puts(int count) => [.. Enumerable.Range(0, count).Select(n => Put($"{n:d3}", 1))];

    private static EngineOperation.Put Put(string key, int bytes) => new(KeyText.Bytes(key), new byte[bytes], 0);

    private static EngineOperation.Delete Delete(string start, string end) => new(Interval(start, end));

    private static EngineCompare Compare(string key) => new(Interval(key, ""), CompareTarget.Version, CompareResult.Equal, 0, default);

    private static KeyInterval Interval(string start, string end) => new(KeyText.Bytes(start), KeyText.Bytes(end));
}
