using Calico.EmbeddedStore.Engine;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <summary>The changes that watches are fed from.</summary>
public sealed class ChangeHistoryTests
{
    [Test]
    public void Changes_are_read_by_revision_with_both_ends()
    {
        var history = Of(2, 3, 3, 4, 6);
        Assert.That(Read(history, 3, 4), Is.EqualTo("3 3 4 up to 4"));
        Assert.That(Read(history, 0, 100), Is.EqualTo("2 3 3 4 6 up to 100"));
        Assert.That(Read(history, 5, 5), Is.EqualTo(" up to 5"));
        Assert.That(Read(history, 6, 6), Is.EqualTo("6 up to 6"));
        Assert.That(Read(history, 7, 9), Is.EqualTo(" up to 9"));
    }

    [Test]
    public void A_portion_ends_behind_a_whole_revision()
    {
        var history = Of(2, 3, 3, 3, 4, 6);
        Assert.That(Read(history, 2, 9, most: 1), Is.EqualTo("2 up to 2"));
        Assert.That(Read(history, 2, 9, most: 2), Is.EqualTo("2 3 3 3 up to 3"));
        Assert.That(Read(history, 2, 9, most: 5), Is.EqualTo("2 3 3 3 4 up to 4"));
        Assert.That(Read(history, 2, 9, most: 6), Is.EqualTo("2 3 3 3 4 6 up to 9"));
        Assert.That(Read(history, 3, 9, most: 1), Is.EqualTo("3 3 3 up to 3"));
        // Ten bytes each.
        Assert.That(Read(history, 2, 9, mostBytes: 10), Is.EqualTo("2 up to 2"));
        Assert.That(Read(history, 2, 9, mostBytes: 11), Is.EqualTo("2 3 3 3 up to 3"));
        Assert.That(Read(history, 4, 9, mostBytes: 11), Is.EqualTo("4 6 up to 9"));
        Assert.That(Read(history, 4, 9, mostBytes: 10), Is.EqualTo("4 up to 4"));
    }

    [Test]
    public void What_is_trimmed_is_gone_wherever_the_list_stands()
    {
        var history = Of(2, 3, 4, 5, 6, 7, 8);
        Assert.That((history.Count, history.Bytes), Is.EqualTo((7, 70)));
        foreach (var (upTo, trimmed, left) in new[] { (1L, "", "2 3 4 5 6 7 8"), (3, "2 3", "4 5 6 7 8"), (3, "", "4 5 6 7 8"),
            (5, "4 5", "6 7 8"), (6, "6", "7 8") })
        {
            Assert.That(Text(history.Trim(upTo)), Is.EqualTo(trimmed));
            Assert.That(Read(history, 0, 100), Is.EqualTo(left + " up to 100"));
            Assert.That((history.Count, history.Bytes), Is.EqualTo((left.Split(' ').Length, left.Split(' ').Length * 10)));
        }

        history.Append([Change(9)]);
        Assert.That(Read(history, 8, 100), Is.EqualTo("8 9 up to 100"));
        history.Trim(100);
        Assert.That((history.Count, history.Bytes, Read(history, 0, 100)), Is.EqualTo((0, 0L, " up to 100")));
    }

    [Test]
    public void What_is_kept_is_bounded_by_changes_and_bytes_but_not_below_the_least()
    {
        var history = Of(2, 3, 4, 5, 6, 7);
        Assert.That(history.RevisionToKeep(6, 60, 1), Is.Zero);
        Assert.That(history.RevisionToKeep(5, 60, 1), Is.EqualTo(3));
        Assert.That(history.RevisionToKeep(6, 59, 1), Is.EqualTo(3));
        Assert.That(history.RevisionToKeep(2, 60, 1), Is.EqualTo(6));
        Assert.That(history.RevisionToKeep(6, 25, 1), Is.EqualTo(6));
        Assert.That(history.RevisionToKeep(0, 0, 3), Is.EqualTo(5));
        Assert.That(history.RevisionToKeep(0, 0, 6), Is.Zero);
        history.Trim(3);
        Assert.That(history.RevisionToKeep(4, 40, 1), Is.Zero);
        Assert.That(history.RevisionToKeep(3, 40, 1), Is.EqualTo(5));
        Assert.That(history.RevisionToKeep(4, 39, 1), Is.EqualTo(5));
    }

    [Test]
    public void A_pulse_wakes_who_waits_and_not_who_comes_later()
    {
        var history = Of(2);
        var before = history.Next;
        Assert.That(before.IsCompleted, Is.False);
        history.Pulse();
        Assert.That((before.IsCompleted, history.Next.IsCompleted), Is.EqualTo((true, false)));
    }

    private static ChangeHistory Of(params long[] revisions)
    {
        var history = new ChangeHistory();
        history.Append([.. revisions.Select(Change)]);
        return history;
    }

    private static KeyVersion Change(long revision) =>
        new() { Sequence = revision, Key = new byte[4], Packed = PackedValue.Whole(new byte[6]), CreateRevision = revision, ModRevision =
            revision, Version = 1,
            Lease = 0 };

    private static string Read(ChangeHistory history, long from, long upTo, int most = 100, long mostBytes = 1000) =>
        $"{Text(history.Read(from, upTo, most, mostBytes, out var reached))} up to {reached}";

    private static string Text(IEnumerable<KeyVersion> changes) => string.Join(' ', changes.Select(c => c.ModRevision));
}
