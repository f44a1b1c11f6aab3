using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Ipam;
using NUnit.Framework;

namespace Calico.UnitTests.Ipam;

/// <summary>A block by itself: no store, no clock.</summary>
[TestFixture]
public sealed class AllocationBlockTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private static AllocationBlock Empty(string cidr = "10.0.0.0/29", string? affinity = "host:n") =>
        AllocationBlock.Create(Cidr.Parse(cidr), affinity, Now, 100);

    private static IpamAttribute Of(string? handle, params (string Key, string Value)[] secondary) =>
        new() { HandleId = handle, Secondary = secondary.ToImmutableSortedDictionary(s => s.Key, s => s.Value) };

    private static AllocationBlock With(AllocationBlock block, int count, IpamAttribute attribute) =>
        block.Assign(count, attribute, AddressSet.Empty, out _);

    private static IPAddress At(int last) => new([10, 0, 0, (byte)last]);

    private static string Text(AllocationBlock block) => string.Join(' ', Enumerable.Range(0, block.Size)
        .Select(o => block.AttributeOf(o) is { } a
            ? $"{(a.ReleasedAt is null ? a.HandleId ?? "none" : "cooling")}@{block.SequenceOf(o)?.ToString() ?? "-"}" : "."))
        + $" free {string.Join(',', block.FreeOrdinals)}";

    [Test]
    public void A_new_block_is_free_from_end_to_end()
    {
        var block = Empty();
        Assert.That(Text(block), Is.EqualTo(". . . . . . . . free 0,1,2,3,4,5,6,7"));
        Assert.That((block.Size, block.FreeCount, block.IsEmpty, block.Sequence, block.Affinity, block.AffinityClaimTime),
            Is.EqualTo((8, 8, true, 100ul, "host:n", (DateTimeOffset?)Now)));
        Assert.That(block.AllocatedOrdinals, Is.Empty);
        Assert.That(block.InUse, Is.Empty);
    }

    [Test]
    public void Addresses_are_taken_from_the_head_and_released_to_the_tail()
    {
        var block = Empty().Assign(3, Of("h"), AddressSet.Empty, out var taken);
        Assert.That(taken, Is.EqualTo(new[] { 0, 1, 2 }));
        Assert.That(Text(block), Is.EqualTo("h@100 h@100 h@100 . . . . . free 3,4,5,6,7"));
        Assert.That(block.InUse, Is.EqualTo(new[] { At(0), At(1), At(2) }));
        Assert.That(block.IsEmpty, Is.False);

        var release = block.Release([new(At(1))]);
        Assert.That(Text(release.Block), Is.EqualTo("h@100 . h@100 . . . . . free 3,4,5,6,7,1"));
        Assert.That(release.Released, Is.EqualTo(new[] { At(1) }));
        Assert.That(release.Unallocated, Is.Empty);
        Assert.That(release.CountByHandle, Is.EqualTo(new Dictionary<string, int> { ["h"] = 1 }));
        Assert.That(release.Refusal, Is.Null);
    }

    [Test]
    public void No_more_are_taken_than_there_are_and_none_when_there_are_none()
    {
        var full = Empty("10.0.0.0/30").Assign(9, Of("h"), AddressSet.Empty, out var taken);
        Assert.That(taken, Is.EqualTo(new[] { 0, 1, 2, 3 }));
        Assert.That(full.Assign(1, Of("h"), AddressSet.Empty, out taken), Is.SameAs(full));
        Assert.That(taken, Is.Empty);
        Assert.That(full.Assign(0, Of("h"), AddressSet.Empty, out taken), Is.SameAs(full));
    }

    [Test]
    public void Reserved_addresses_keep_their_places_and_what_is_not_allowed_is_not_taken()
    {
        var reserved = AddressSet.Of([Cidr.Parse("10.0.0.0/31")]);
        var block = Empty().Assign(2, Of("h"), reserved, out var taken, a => !a.Equals(At(3)));
        Assert.That(taken, Is.EqualTo(new[] { 2, 4 }));
        Assert.That(block.FreeOrdinals, Is.EqualTo(new[] { 0, 1, 3, 5, 6, 7 }));
        Assert.That((block.FreeCountOutside(reserved), block.CountIn(reserved)), Is.EqualTo((4, 2)));
    }

    [Test]
    public void What_is_better_left_is_taken_last_and_only_on_demand()
    {
        bool IsLow(IPAddress a) => a.GetAddressBytes()[3] < 6;
        Empty().Assign(1, Of("h"), AddressSet.Empty, out var one, null, IsLow);
        Empty().Assign(4, Of("h"), AddressSet.Empty, out var four, null, IsLow);
        Empty().Assign(2, Of("h"), AddressSet.Empty, out var two, a => !a.Equals(At(0)), IsLow);
        Assert.That((one.Single(), string.Join(',', four), string.Join(',', two)), Is.EqualTo((6, "6,7,0,1", "6,7")));
    }

    [Test]
    public void A_chosen_address_is_taken_only_if_it_is_free()
    {
        var block = Empty().AssignOrdinal(5, Of("a"))!;
        Assert.That(Text(block), Is.EqualTo(". . . . . a@100 . . free 0,1,2,3,4,6,7"));
        Assert.That(block.AssignOrdinal(5, Of("b")), Is.Null);
    }

    [Test]
    public void Equal_owners_share_an_attribute_and_it_goes_with_the_last_of_them()
    {
        var block = With(With(With(Empty(), 1, Of("a", ("node", "n"))), 1, Of("b")), 1, Of("a", ("node", "n")));
        Assert.That(block.ToSpec().Attributes.Select(a => a.HandleId), Is.EqualTo(new[] { "a", "b" }));
        block = With(block, 1, Of("a", ("node", "m")));
        block = With(block, 1, Of("a"));
        Assert.That(block.ToSpec().Attributes, Has.Length.EqualTo(4), "another node, and none");

        var left = block.Release([new(At(0)), new(At(1))]).Block;
        Assert.That(left.ToSpec().Attributes.Select(a => a.HandleId), Is.EqualTo(new[] { "a", "a", "a" }));
        Assert.That(Text(left), Does.StartWith(". . a@100 a@100 a@100 ."));
        left = left.Release([new(At(2))]).Block;
        Assert.That(left.AttributeOf(3)!.Secondary!["node"], Is.EqualTo("m"), "indexes moved along");
        Assert.That(left.AttributeOf(4)!.Secondary, Is.Empty);
    }

    [Test]
    public void D_a_release_frees_only_the_allocation_that_it_names()
    {
        var first = With(Empty(), 1, Of("h"));
        var second = With(first.Release([new(At(0))]).Block.Counted(), 8, Of("h"));
        Assert.That(second.SequenceOf(0), Is.EqualTo(101));

        foreach (var sequence in new ulong[] { 100, 102, 0 })
        {
            var refused = second.Release([new(At(1)), new(At(0), "h", sequence)]);
            Assert.That(refused.Refusal, Is.EqualTo($"10.0.0.0 has been assigned again: its sequence number is 101, not {sequence}"));
            Assert.That((refused.Block, refused.Released.Length), Is.EqualTo((second, 0)), "all or none");
        }

        Assert.That(second.Release([new(At(0), "h", 101)]).Released, Is.EqualTo(new[] { At(0) }));
        Assert.That(second.ReleaseByHandle("h", 100).Released, Is.Empty);
        Assert.That(second.ReleaseByHandle("h", 101).Released, Has.Length.EqualTo(8));
    }

    [Test]
    public void An_allocation_without_a_sequence_number_has_number_0()
    {
        var spec = With(Empty(), 1, Of("h")).ToSpec() with { SequenceNumberForAllocation = null };
        var block = AllocationBlock.FromSpec(spec);
        Assert.That(block.SequenceOf(0), Is.Null);
        Assert.That(block.Release([new(At(0), "h", 1)]).Refusal, Does.EndWith("its sequence number is 0, not 1"));
        Assert.That(block.Release([new(At(0), "h", 0)]).Released, Has.Length.EqualTo(1));
        Assert.That(block.ReleaseByHandle("h", 0).Released, Has.Length.EqualTo(1));
        Assert.That(block.ReleaseByHandle("h", 1).Released, Is.Empty);
    }

    [Test]
    public void A_release_names_the_owner_without_case_and_refuses_another()
    {
        var block = With(Empty(), 2, Of("Handle"));
        Assert.That(block.Release([new(At(0), "hANDLE")]).Released, Has.Length.EqualTo(1));
        Assert.That(block.OrdinalsOf("HANDLE"), Is.EqualTo(new[] { 0, 1 }));
        Assert.That(block.OrdinalsOf("other"), Is.Empty);
        Assert.That(block.Release([new(At(0), "other")]).Refusal, Is.EqualTo("10.0.0.0 is held by handle \"Handle\", not \"other\""));
        Assert.That(() => block.Release([new(At(9))]), Throws.ArgumentException.With.Message.StartsWith("10.0.0.9 is not in 10.0.0.0/29"));
    }

    [Test]
    public void A_release_tells_what_was_free_and_counts_an_address_once()
    {
        var release = With(With(Empty(), 2, Of("a")), 1, Of(null)).Release([new(At(0)), new(At(0)), new(At(2)), new(At(7))]);
        Assert.That(release.Released, Is.EqualTo(new[] { At(0), At(2) }));
        Assert.That(release.Unallocated, Is.EqualTo(new[] { At(7) }));
        Assert.That(release.CountByHandle, Is.EqualTo(new Dictionary<string, int> { ["a"] = 1 }), "what has no handle is counted by none");
        Assert.That(Text(release.Block), Is.EqualTo(". a@100 . . . . . . free 3,4,5,6,7,0,2"));
    }

    [Test]
    public void A_release_of_nothing_is_the_same_block()
    {
        var block = With(Empty(), 1, Of("h"));
        Assert.That(block.Release([new(At(5))], Now).Block, Is.SameAs(block));
        Assert.That(block.ReleaseByHandle("other").Block, Is.SameAs(block));
    }

    [Test]
    public void A_released_address_cools_down_before_it_is_free()
    {
        var release = With(Empty(), 2, Of("h")).Release([new(At(0))], Now);
        var block = release.Block;
        Assert.That(release.Released, Is.EqualTo(new[] { At(0) }));
        Assert.That(release.CountByHandle["h"], Is.EqualTo(1));
        Assert.That(Text(block), Is.EqualTo("cooling@100 h@100 . . . . . . free 2,3,4,5,6,7"));
        Assert.That((block.IsCooling(0), block.IsCooling(1), block.IsCooling(2), block.IsEmpty), Is.EqualTo((true, false, false, false)));
        Assert.That(block.AttributeOf(0)!.HandleId, Is.Null);
        Assert.That(block.Release([new(At(0), "h")]).Unallocated, Is.EqualTo(new[] { At(0) }), "it is nobody's");

        Assert.That(block.CollectCooled(Now + Minute - TimeSpan.FromTicks(1), Minute), Is.SameAs(block));
        Assert.That(Text(block.CollectCooled(Now + Minute, Minute)), Is.EqualTo(". h@100 . . . . . . free 2,3,4,5,6,7,0"));
        Assert.That(block.CollectCooled(Now - Minute, Minute), Is.SameAs(block));
        Assert.That(block.CollectCooled(Now - Minute - TimeSpan.FromTicks(1), Minute).FreeCount, Is.EqualTo(7),
            "a time that lies in the future by more than the cool-down is of a clock that was wrong");
    }

    [Test]
    public void Another_owner_gets_a_new_number_and_a_changed_note_does_not()
    {
        var block = With(Empty(), 2, Of("a")).Counted();
        var noted = block.Reassign(0, Of("a", ("bound", "w")), isNewOwner: false);
        var given = block.Reassign(0, Of("b"), isNewOwner: true);
        Assert.That((noted.SequenceOf(0), noted.AttributeOf(0)!.Secondary!["bound"], noted.AttributeOf(1)!.Secondary!.Count),
            Is.EqualTo(((ulong?)100, "w", 0)));
        Assert.That(Text(given), Is.EqualTo("b@101 a@100 . . . . . . free 2,3,4,5,6,7"));
        Assert.That(given.Reassign(1, Of("b"), true).ToSpec().Attributes.Select(a => a.HandleId), Is.EqualTo(new[] { "b" }));
    }

    [TestCase("host:n", true, null)]
    [TestCase("host:n", false, null)]
    [TestCase("host:other", true, "Block host affinity does not match")]
    [TestCase("host:other", false, null)]
    [TestCase(null, true, "Attempt to assign from block 10.0.0.0/29 with no affinity")]
    [TestCase(null, false, null)]
    public void D_with_strict_affinity_only_the_owner_takes_from_a_block(string? affinity, bool isStrict, string? refusal) =>
        Assert.That(Empty(affinity: affinity).RefusalFor("host:n", isStrict), Is.EqualTo(refusal));

    [Test]
    public void Windows_reservations_alone_leave_a_block_empty()
    {
        var block = With(Empty(), 3, Of(AllocationBlock.WindowsReservedHandle));
        Assert.That((block.IsEmpty, block.FreeCount), Is.EqualTo((true, 5)));
        Assert.That(With(block, 1, Of("h")).IsEmpty, Is.False);
    }

    [Test]
    public void Affinity_is_given_and_taken()
    {
        var block = With(Empty(), 1, Of("h"));
        Assert.That((block.WithAffinity("host:m", null).Affinity, block.WithAffinity("host:m", null).AffinityClaimTime),
            Is.EqualTo(("host:m", (DateTimeOffset?)null)));
        Assert.That((block.WithAffinity(null, Now).Affinity, block.WithAffinity(null, Now).InUse.Single()),
            Is.EqualTo(((string?)null, At(0))));
        Assert.That((block.Counted().Sequence, block.Counted().SequenceOf(0)), Is.EqualTo((101ul, (ulong?)100)));
    }

    [TestCase("10.0.0.0/29", "10.0.0.7", 7)]
    [TestCase("10.0.0.0/29", "10.0.0.8", null)]
    [TestCase("10.0.0.0/29", "::a00:7", null)]
    [TestCase("fd00::40/122", "fd00::7f", 63)]
    public void Ordinals_are_places(string cidr, string address, int? ordinal)
    {
        var block = Empty(cidr);
        Assert.That(block.OrdinalOf(IPAddress.Parse(address)), Is.EqualTo(ordinal));
        if (ordinal is { } place)
        {
            Assert.That(block.AddressOf(place), Is.EqualTo(IPAddress.Parse(address)));
        }
    }

    [Test]
    public void A_stored_block_is_read_as_it_was_written()
    {
        var block = With(With(Empty(), 2, Of("a", ("node", "n"))), 1, Of("b")).Release([new(At(1))], Now).Block.Counted();
        var spec = block.ToSpec();
        Assert.That(spec.Allocations, Is.EqualTo(new int?[] { 0, 2, 1, null, null, null, null, null }));
        Assert.That(spec.SequenceNumberForAllocation, Is.EqualTo(new Dictionary<string, ulong> { ["0"] = 100, ["1"] = 100, ["2"] = 100 }));
        Assert.That(Text(AllocationBlock.FromSpec(spec)), Is.EqualTo(Text(block)));
        Assert.That(AllocationBlock.FromSpec(spec).Sequence, Is.EqualTo(101));
    }

    [Test]
    public void Free_ordinals_that_a_writer_lost_or_invented_are_put_right()
    {
        var spec = With(Empty(), 1, Of("h")).ToSpec() with { Unallocated = [5, 5, -1, 8, 0, 3] };
        Assert.That(AllocationBlock.FromSpec(spec).FreeOrdinals, Is.EqualTo(new[] { 5, 3, 1, 2, 4, 6, 7 }));
    }

    [Test]
    public void Numbers_that_are_none_are_left_out()
    {
        var spec = With(Empty(), 1, Of("h")).ToSpec() with
        {
            SequenceNumberForAllocation = new Dictionary<string, ulong> { ["0"] = 7, ["x"] = 8, [" 1"] = 9 }.ToImmutableSortedDictionary(),
        };
        Assert.That(AllocationBlock.FromSpec(spec).SequenceOf(0), Is.EqualTo(7));
        Assert.That(AllocationBlock.FromSpec(spec).ToSpec().SequenceNumberForAllocation, Has.Count.EqualTo(1));
    }

    [Test]
    public void The_field_of_old_for_the_host_is_read_and_written_as_the_new_one()
    {
        var host = new Dictionary<string, JsonElement> { ["hostAffinity"] = JsonSerializer.SerializeToElement("old"),
            ["other"] = JsonSerializer.SerializeToElement(1) };
        var spec = Empty(affinity: null).ToSpec() with { Unknown = host };
        var block = AllocationBlock.FromSpec(spec);
        Assert.That(block.Affinity, Is.EqualTo("host:old"));
        Assert.That(block.ToSpec().Unknown!.Keys, Is.EqualTo(new[] { "other" }));
        Assert.That(AllocationBlock.FromSpec(spec with { Affinity = "host:new" }).Affinity, Is.EqualTo("host:new"));
        host["hostAffinity"] = JsonSerializer.SerializeToElement(5);
        Assert.That(AllocationBlock.FromSpec(spec).Affinity, Is.Null);
    }

    [Test]
    public void A_block_whose_parts_do_not_fit_is_damaged()
    {
        var spec = With(Empty(), 1, Of("h")).ToSpec();
        (IpamBlockSpec Spec, string Message)[] damaged =
        [
            (spec with { Cidr = "nonsense" }, "block \"nonsense\" has 8 allocations"),
            (spec with { Cidr = "10.0.0.0/30" }, "block \"10.0.0.0/30\" has 8 allocations"),
            (spec with { Allocations = spec.Allocations.SetItem(1, 1) }, "block 10.0.0.0/29 has an allocation without attributes"),
            (spec with { Allocations = spec.Allocations.SetItem(1, -1) }, "block 10.0.0.0/29 has an allocation without attributes"),
            (spec with { Cidr = "10.0.0.0/15" }, "10.0.0.0/15 is too big for a block"),
            (spec with { Allocations = default }, "block \"10.0.0.0/29\" has 0 allocations"),
            (spec with { Attributes = default }, "block 10.0.0.0/29 has an attribute or a list that is null"),
            (spec with { Unallocated = default }, "block 10.0.0.0/29 has an attribute or a list that is null"),
            (spec with { Attributes = [null!] }, "block 10.0.0.0/29 has an attribute or a list that is null"),
        ];
        foreach (var (wrong, message) in damaged)
        {
            var refusal = Assert.Throws<CalicoException>(() => AllocationBlock.FromSpec(wrong))!;
            Assert.That((refusal.Problem, refusal.Message), Is.EqualTo((Problem.Damaged, message)));
        }

        Assert.That(Empty("10.0.0.0/16").Size, Is.EqualTo(65536));
    }

    [Test]
    public void A_block_that_lies_under_anothers_key_is_damaged()
    {
        var stored = ResourceJson.Write(With(Empty(), 1, Of("h")).ToSpec());
        Assert.That(Text(AllocationBlock.FromStored("10.0.0.0/29", stored)), Does.StartWith("h@100 . ."));
        var refusal = Assert.Throws<CalicoException>(() => AllocationBlock.FromStored("10.0.0.8/29", stored))!;
        Assert.That((refusal.Problem, refusal.Message),
            Is.EqualTo((Problem.Damaged, "the key is that of block 10.0.0.8/29, the value that of 10.0.0.0/29")));
    }

    [Test]
    public void The_queue_is_as_it_was_stored_and_what_its_writer_lost_comes_behind()
    {
        var spec = Empty().ToSpec();
        Assert.That(AllocationBlock.FromSpec(spec).FreeOrdinals, Is.EqualTo(Enumerable.Range(0, 8)));
        Assert.That(AllocationBlock.FromSpec(spec with { Unallocated = [3, 0, 7, 3, -1, 8] }).FreeOrdinals,
            Is.EqualTo(new[] { 3, 0, 7, 1, 2, 4, 5, 6 }));
    }

    /// <summary>Who releases it once more names that number still.</summary>
    [Test]
    public void An_address_that_cools_down_keeps_the_number_of_its_allocation()
    {
        var block = With(Empty(), 1, Of("h")).Counted().ReleaseByHandle("h", null, Now).Block;
        Assert.That(Text(block), Does.StartWith("cooling@100 . ."));
    }

    [Test]
    public void All_that_is_free_may_be_asked_for() =>
        Assert.That(With(Empty(), int.MaxValue, Of("h")).FreeCount, Is.Zero);

    [Test]
    public void What_another_writer_noted_on_an_owner_is_never_shared()
    {
        var foreign = new IpamAttribute { HandleId = "h", Unknown = new() { ["x"] = JsonSerializer.SerializeToElement(1) } };
        var block = With(With(Empty(), 1, foreign), 1, new IpamAttribute { HandleId = "h" });
        Assert.That(block.ToSpec().Attributes, Has.Length.EqualTo(2));
        Assert.That(With(block, 1, foreign).ToSpec().Attributes, Has.Length.EqualTo(3));
        var alternate = new IpamAttribute { HandleId = "h",
            AlternateOwnerAttrs = ImmutableSortedDictionary<string, string>.Empty.Add("a", "1") };
        Assert.That(With(With(Empty(), 1, alternate), 1, new IpamAttribute { HandleId = "h" }).ToSpec().Attributes, Has.Length.EqualTo(2));
        Assert.That(With(With(Empty(), 1, alternate), 1, alternate).ToSpec().Attributes, Has.Length.EqualTo(1));
        var cooling = new IpamAttribute { ReleasedAt = Now };
        Assert.That(With(With(Empty(), 1, cooling), 1, new IpamAttribute { ReleasedAt = Now + Minute }).ToSpec().Attributes,
            Has.Length.EqualTo(2));
    }
}
