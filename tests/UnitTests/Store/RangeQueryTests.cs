using Calico.Datastore.Store;
using Calico.EmbeddedStore.Engine;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <summary>What a read of keys finds in a state.</summary>
public sealed class RangeQueryTests
{
    private static readonly EngineState State = Filled();

    [Test]
    public void An_interval_is_read_in_key_order_up_to_its_limit_and_counted_whole()
    {
        Assert.That(Told(new(KeyInterval.All)), Is.EqualTo("a=4 b=2 c=3 d=5 of 4"));
        Assert.That(Told(new(Interval("b", "d"))), Is.EqualTo("b=2 c=3 of 2"));
        Assert.That(Told(new(KeyInterval.All, Limit: 3)), Is.EqualTo("a=4 b=2 c=3 of 4, more"));
        Assert.That(Told(new(KeyInterval.All, Limit: 4)), Is.EqualTo("a=4 b=2 c=3 d=5 of 4"));
        Assert.That(Told(new(KeyInterval.All, CountOnly: true)), Is.EqualTo(" of 4"));
        Assert.That(Told(new(KeyInterval.All, CountOnly: true, Limit: 1)), Is.EqualTo(" of 4"));
        Assert.That(Told(new(Interval("x", "z"))), Is.EqualTo(" of 0"));
    }

    [Test]
    public void A_filter_leaves_out_and_a_sort_comes_before_the_limit()
    {
        Comparison<KeyVersion> newest = (a, b) => b.ModRevision.CompareTo(a.ModRevision);
        Predicate<KeyVersion> notB = v => KeyText.Text(v.Key) != "b";
        Assert.That(Told(new(KeyInterval.All, Sort: newest)), Is.EqualTo("d=5 a=4 c=3 b=2 of 4"));
        Assert.That(Told(new(KeyInterval.All, Sort: newest, Limit: 2)), Is.EqualTo("d=5 a=4 of 4, more"));
        Assert.That(Told(new(KeyInterval.All, Sort: newest, Limit: 4)), Is.EqualTo("d=5 a=4 c=3 b=2 of 4"));
        Assert.That(Told(new(KeyInterval.All, Sort: (_, _) => 0)), Is.EqualTo("a=4 b=2 c=3 d=5 of 4"), "equal ones stay in key order");
        Assert.That(Told(new(KeyInterval.All, Filter: notB)), Is.EqualTo("a=4 c=3 d=5 of 4"));
        Assert.That(Told(new(KeyInterval.All, Filter: notB, Limit: 3)), Is.EqualTo("a=4 c=3 d=5 of 4"), "what is left out takes no room");
        Assert.That(Told(new(Interval("b", ""), Filter: notB)), Is.EqualTo(" of 0"));
        Assert.That(Told(new(Interval("a", ""), Filter: notB)), Is.EqualTo("a=4 of 1"));
    }

    [Test]
    public void One_key_is_read_or_counted()
    {
        Assert.That(Told(new(Interval("b", ""))), Is.EqualTo("b=2 of 1"));
        Assert.That(Told(new(Interval("b", ""), CountOnly: true)), Is.EqualTo(" of 1"));
        Assert.That(Told(new(Interval("bb", ""))), Is.EqualTo(" of 0"));
        Assert.That(Told(new(Interval("gone", ""))), Is.EqualTo(" of 0"));
    }

    [Test]
    public void Old_revisions_are_read_as_they_were()
    {
        Assert.That(Told(new(KeyInterval.All, 2)), Is.EqualTo("a=1 of 1"));
        Assert.That(Told(new(KeyInterval.All, 4)), Is.EqualTo("a=1 b=2 c=3 of 3"));
        Assert.That(Told(new(Interval("a", ""), 4)), Is.EqualTo("a=1 of 1"));
        Assert.That(Told(new(Interval("gone", ""), 7)), Is.EqualTo("gone=6 of 1"));
        Assert.That(Told(new(Interval("gone", ""), 8)), Is.EqualTo(" of 0"));
        Assert.That(Told(new(Interval("a", ""), 1)), Is.EqualTo(" of 0"), "before there was anything");
    }

    [Test]
    public void The_future_and_what_is_compacted_cannot_be_read()
    {
        var compacted = State with { Compacted = 4 };
        Assert.That(new RangeQuery(KeyInterval.All, 4).Run(compacted).Count, Is.EqualTo(3));
        Assert.That(new RangeQuery(KeyInterval.All).Run(compacted).Count, Is.EqualTo(4));
        foreach (var keys in new[] { KeyInterval.All, Interval("a", "") })
        {
            var old = Assert.Throws<CalicoException>(() => new RangeQuery(keys, 3).Run(compacted))!;
            Assert.That((old.Problem, old.Message), Is.EqualTo((Problem.Invalid, "read at revision 3: compacted; the oldest left is 4")));
            Assert.That(((CompactedException)old.InnerException!).Oldest, Is.EqualTo(4));
            var future = Assert.Throws<CalicoException>(() => new RangeQuery(keys, 9).Run(State))!;
            Assert.That((future.Problem, future.Message, future.InnerException),
                Is.EqualTo((Problem.Invalid, "read at revision 9: the store is at 8", (Exception?)null)));
        }
    }

    [Test]
    public void A_version_that_is_cut_off_knows_nothing_before()
    {
        var version = new KeyVersion { Sequence = 2, Key = [1, 2], Packed = PackedValue.Whole([1, 2, 3]), CreateRevision = 1, ModRevision =
            5, Version = 2,
            Lease = 0, Previous = Versions("a", 1)[0] };
        Assert.That((version.Size, version.IsDeletion, version.At(5), version.At(4)), Is.EqualTo((5, false, version, version.Previous)));
        version.Cut();
        Assert.That((version.Previous, version.At(5), version.At(4)), Is.EqualTo(((KeyVersion?)null, version, (KeyVersion?)null)));
    }

    [Test]
    public void A_key_in_a_message_is_short_and_holds_nothing_that_moves_the_cursor()
    {
        Assert.That(KeyText.Show("/a\nb\u001b[2J\u0000"u8), Is.EqualTo("/a?b?[2J?"));
        Assert.That(KeyText.Show(new byte[201]), Is.EqualTo(new string('?', 200)));
        Assert.That(KeyText.Show(KeyText.Bytes(new string('é', 101))), Is.EqualTo(new string('é', 100)));
        Assert.That(KeyText.Text(KeyText.Bytes("ключ")), Is.EqualTo("ключ"));
    }

    [TestCase("a", "", "a", "", true)]
    [TestCase("a", "", "b", "", false)]
    [TestCase("a", "c", "b", "", true)]
    [TestCase("b", "", "a", "c", true)]
    [TestCase("a", "b", "b", "c", false)]
    [TestCase("a", "c", "b", "d", true)]
    [TestCase("b", "d", "a", "c", true)]
    [TestCase("a", "\0", "z", "", true)]
    [TestCase("b", "\0", "a", "", false)]
    public void Intervals_overlap_where_one_holds_the_others_start(string start, string end, string otherStart, string otherEnd,
        bool overlap) =>
        Assert.That(Interval(start, end).Overlaps(Interval(otherStart, otherEnd)), Is.EqualTo(overlap));

    [Test]
    public void The_end_of_an_interval_is_outside_and_a_single_key_ends_with_itself()
    {
        Assert.That((Interval("a", "c").Contains("a"u8), Interval("a", "c").Contains("b"u8), Interval("a", "c").Contains("c"u8),
            Interval("b", "c").Contains("a"u8)),
            Is.EqualTo((true, true, false, false)));
        Assert.That((Interval("a", "").IsBeforeEnd("a"u8), Interval("a", "").IsBeforeEnd("aa"u8), Interval("a", "").Contains("aa"u8)),
            Is.EqualTo((true, false, false)));
        Assert.That((Interval("a", "\0").IsBeforeEnd("z"u8), Interval("a", "\0\0").IsBeforeEnd("z"u8)), Is.EqualTo((true, false)));
        Assert.That((KeyInterval.Single([1]).IsSingleKey, KeyInterval.Prefix([]), KeyInterval.All.Contains([0])),
            Is.EqualTo((true, KeyInterval.All, true)));
    }

    /// <summary>Revision 2: a; 3: b; 4: c; 5: a again (4 is its value); 6: d; 7: gone; 8: gone is deleted.</summary>
    private static EngineState Filled()
    {
        var batch = new WriteBatch(new(), new());
        foreach (var (key, value) in new[] { ("a", "1"), ("b", "2"), ("c", "3"), ("a", "4"), ("d", "5"), ("gone", "6") })
        {
            batch.Commit(new(new EngineOperation.Put(KeyText.Bytes(key), KeyText.Bytes(value), 0)));
        }

        batch.Commit(new(new EngineOperation.Delete(Interval("gone", ""))));
        return batch.State;
    }

    private static KeyVersion[] Versions(string key, long revision) =>
        [new() { Sequence = 1, Key = KeyText.Bytes(key), Packed = PackedValue.Whole([]), CreateRevision = revision, ModRevision = revision,
            Version = 1, Lease =
            0 }];

    private static string Told(RangeQuery query)
    {
        var result = query.Run(State);
        var found = string.Join(' ', result.Versions.Select(v => $"{KeyText.Text(v.Key)}={KeyText.Text(v.Value)}"));
        return $"{found} of {result.Count}{(result.More ? ", more" : "")}";
    }

    private static KeyInterval Interval(string start, string end) => new(KeyText.Bytes(start), KeyText.Bytes(end));
}
