using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Calico.Datastore.Addresses;
using Calico.Ipam;
using static Calico.VectorTests.Ipam.IpamDatastore;

namespace Calico.VectorTests.Ipam;

/// <summary>Judges scenarios whose steps are sentences, by what the sentences say.</summary>
internal static partial class ProseVector
{
    public static bool Applies(JsonElement vector) => Items(vector, "steps").Any(s => s.ValueKind == JsonValueKind.String);

    public static VectorVerdict Run(JsonElement vector)
    {
        var description = Text(vector, "description")!;
        var difference = description switch
        {
            _ when MaxPerHandle().Match(description) is { Success: true } match => ReuseOfHandle(int.Parse(match.Groups[1].ValueSpan)),
            _ when description.StartsWith("duplicate addresses in one ReleaseIPs", StringComparison.Ordinal) => Duplicates(),
            _ when description.StartsWith("pool deleted: existing affine block", StringComparison.Ordinal) => DeletedPool(),
            _ => throw new NotSupportedException("steps in prose"),
        };
        return difference is null ? VectorVerdict.Pass : VectorVerdict.Fail(difference);
    }

    [GeneratedRegex(@"^MaxAllocToHandlePerIPVersion=(\d+): (?:second|third|two|.*AutoAssign)")]
    private static partial Regex MaxPerHandle();

    private static IpamDatastore Datastore(string pools)
    {
        var datastore = new IpamDatastore();
        using var setup = JsonDocument.Parse($$"""{"pools":[{{pools}}],"nodes":{"host-A":{},"host-B":{} } }""");
        datastore.Prepare(setup.RootElement);
        return datastore;
    }

    private static ImmutableArray<IPAddress> Assign(IpamDatastore datastore, string host, int count, string? handle = null, int max = 0)
    {
        var request = new AutoAssignRequest { Host = host, Ipv4 = count, Use = IntendedUse.Workload, Handle = handle, MaxPerHandle = max };
        return IpamDatastore.Run(datastore.Client.AutoAssignAsync(request, default)).V4!.Addresses;
    }

    private static string? ReuseOfHandle(int max)
    {
        var datastore = Datastore("""{"cidr":"10.0.0.0/24","blockSize":26}""");
        var distinct = Enumerable.Range(0, max).SelectMany(_ => Assign(datastore, "host-A", 1, "H", max)).ToHashSet();
        var again = Assign(datastore, "host-A", 1, "H", max);
        return distinct.Count != max ? $"{distinct.Count} distinct addresses, not {max}"
            : again.Length != 1 || !distinct.Contains(again[0]) ? $"[{string.Join(' ', again)}] is not one of the handle's"
            : null;
    }

    private static string? Duplicates()
    {
        var datastore = Datastore("""{"cidr":"10.0.0.0/26","blockSize":26}""");
        var address = Assign(datastore, "host-A", 64)[17];
        var unallocated = IpamDatastore.Run(datastore.Client.ReleaseAsync([new(address), new(address)], default));
        var (again, more) = (Assign(datastore, "host-A", 1), Assign(datastore, "host-A", 1));
        return !unallocated.IsEmpty ? "an address counts as unallocated"
            : again is not [var one] || !one.Equals(address) ? $"[{string.Join(' ', again)}], not {address}"
            : more.IsEmpty ? null : $"{more[0]} from a full pool";
    }

    private static string? DeletedPool()
    {
        var datastore = Datastore("""{"cidr":"10.0.0.0/24","blockSize":26}""");
        var (one, two) = (Assign(datastore, "host-A", 1)[0], Assign(datastore, "host-A", 1)[0]);
        datastore.DeletePool("10.0.0.0/24");
        using var pool = JsonDocument.Parse("""{"cidr":"20.0.0.0/24","blockSize":26}""");
        datastore.SetPool(pool.RootElement);
        var (other, same) = (Assign(datastore, "host-B", 1)[0], Assign(datastore, "host-A", 1)[0]);
        return Cidr.From(one).Widen(26) != Cidr.From(two).Widen(26) ? "two blocks in one pool"
            : !Cidr.Parse("20.0.0.0/24").Contains(other) || !Cidr.Parse("20.0.0.0/24").Contains(same) ? $"{other} and {same}"
            : null;
    }
}
