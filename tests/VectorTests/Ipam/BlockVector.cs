using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Ipam;
using static Calico.VectorTests.Ipam.IpamDatastore;

namespace Calico.VectorTests.Ipam;

/// <summary>Judges vectors about one block, without a datastore.</summary>
internal static class BlockVector
{
    public static string? Run(JsonElement vector, JsonElement expect)
    {
        var block = AllocationBlock.Create(Cidr.Parse(Text(vector, "cidr") ?? "100.64.0.0/24"), "host:h", null, 0);
        foreach (var allocation in Items(vector, "allocations"))
        {
            var attribute = new IpamAttribute { HandleId = Text(allocation, "handle") };
            block = Items(allocation, "ordinals").Aggregate(block, (b, o) => b.AssignOrdinal(o.GetInt32(), attribute)!);
        }

        if (vector.TryGetProperty("sequence", out var sequences) && sequences.ValueKind == JsonValueKind.Object)
        {
            block = AllocationBlock.FromSpec(block.ToSpec() with
            {
                SequenceNumberForAllocation = sequences.EnumerateObject()
                    .ToImmutableSortedDictionary(s => s.Name, s => s.Value.GetUInt64()),
            });
        }

        ulong? sequence = vector.TryGetProperty("releaseSequence", out var number) ? number.GetUInt64() : null;
        BlockRelease? release = null;
        if (Text(vector, "releaseByHandle") is { } handle)
        {
            release = block.ReleaseByHandle(handle, sequence);
        }
        else if (vector.TryGetProperty("release", out _))
        {
            release = block.Release([.. Items(vector, "release")
                .Select(a => new ReleaseRequest(IPAddress.Parse(a.GetString()!), Text(vector, "releaseHandle"), sequence))]);
        }

        block = release?.Block ?? block;
        var reserved = AddressSet.Of(Items(vector, "reservations").Select(r => Cidr.Parse(r.GetString()!)));
        return expect.EnumerateObject().Select(e => Compare(e.Name, e.Value, block, release, reserved)).FirstOrDefault(d => d is not null);
    }

    private static string? Compare(string name, JsonElement wanted, AllocationBlock block, BlockRelease? release, AddressSet reserved)
    {
        object? actual = name switch
        {
            "empty" => block.IsEmpty ? "True" : "False",
            "free" => block.FreeCountOutside(reserved),
            "reserved" => block.CountIn(reserved),
            "inUse" => string.Join(',', block.InUse),
            "unallocated" => string.Join(',', release?.Unallocated ?? []),
            "countByHandle" => string.Join(',',
                (release?.CountByHandle ?? ImmutableSortedDictionary<string, int>.Empty).Select(c => $"{c.Key}:{c.Value}")),
            "allocatedOrdinals" => string.Join(',', block.AllocatedOrdinals),
            "released" => release?.Released.Length,
            "unallocatedTail" => string.Join(',', block.FreeOrdinals.TakeLast(wanted.GetArrayLength())),
            "error" => release?.Refusal is null ? "False" : "True",
            _ => throw new NotSupportedException($"expectation {name}"),
        };
        var expected = wanted.ValueKind switch
        {
            JsonValueKind.Array => string.Join(',', wanted.EnumerateArray().Select(w => w.ToString())),
            JsonValueKind.Object =>
                string.Join(',', wanted.EnumerateObject().OrderBy(w => w.Name, StringComparer.Ordinal).Select(w => $"{w.Name}:{w.Value}")),
            _ => wanted.ToString(),
        };
        return $"{actual}" == expected ? null : $"{name} is {actual}, not {expected}";
    }
}
