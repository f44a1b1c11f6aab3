using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Resources.V3;
using Calico.Ipam;
using static Calico.VectorTests.Ipam.IpamDatastore;

namespace Calico.VectorTests.Ipam;

/// <summary>Judges <c>ipam.json</c>.</summary>
public sealed class IpamVectorRunner : IVectorRunner
{
    private IpamDatastore _datastore = new();

    public string File => "ipam.json";

    public VectorVerdict Run(JsonElement vector)
    {
        var expect = vector.TryGetProperty("expect", out var expected) ? expected : default;
        try
        {
            return Text(vector, "kind") switch
            {
                "partialFulfilmentMessage" => Judge(Message(vector, expect)),
                "determinePools" => Judge(DeterminePools(vector, expect)),
                "selectsNamespace" => Judge(SelectsNamespace(vector, expect)),
                "poolSpace" => Judge(Space(vector, expect)),
                "addrFilter" => Judge(Filter(vector, expect)),
                "filterDuplicates" => Judge(Same(AddressSet.Of(Cidrs(vector, "cidrs")).Ranges, Cidrs(expect, "cidrs"))),
                "reservedCIDRs" => ReservedCidrs(vector, expect),
                "blockGenerator" => Judge(Generator(vector, expect)),
                "blockOrder" => Judge(Order(vector, expect)),
                "block" => Judge(BlockVector.Run(vector, expect)),
                "config" => Judge(ConfigOf(vector, expect)),
                "findOrClaimBlock" => Judge(FindOrClaim(vector, expect)),
                "setOwnerAttributes" => OwnerVector.Run(vector, expect),
                "utilization" => Judge(Utilization(vector, expect)),
                "release" when vector.TryGetProperty("release", out var release) => Judge(ReleaseWithOptions(vector, release)),
                "scenario" when ProseVector.Applies(vector) => ProseVector.Run(vector),
                _ => Judge(Steps(vector)),
            };
        }
        catch (NotSupportedException e)
        {
            return VectorVerdict.Skip($"not machine-readable: {e.Message}");
        }
    }

    private static VectorVerdict Judge(string? difference) => difference is null ? VectorVerdict.Pass : VectorVerdict.Fail(difference);

    private static IEnumerable<Cidr> Cidrs(JsonElement element, string name) =>
        Items(element, name).Select(c => Cidr.Parse(c.GetString()!));

    private static string? Same(IEnumerable<Cidr> actual, IEnumerable<Cidr> expected) =>
        actual.Order().SequenceEqual(expected.Order()) ? null : $"[{string.Join(' ', actual)}], not [{string.Join(' ', expected)}]";

    private static string? Message(JsonElement vector, JsonElement expect)
    {
        var (assigned, requested) = (Number(vector, "assigned"), Number(vector, "requested"));
        var handle = vector.TryGetProperty("hostReservedAttr", out var attribute) && attribute.ValueKind == JsonValueKind.Object
            ? Text(attribute, "Handle") : null;
        var message = assigned >= requested ? null : AssignedAddresses.Describe(assigned, requested, Number(vector, "ipVersion"),
            [.. Items(vector, "msgs").Select(m => m.GetString()!)], handle);
        return message == Text(expect, "error") ? null : $"\"{message}\", not \"{Text(expect, "error")}\"";
    }

    private static IpamPool Pool(JsonElement pool)
    {
        var resource = new Resource<IpPoolSpec>
        {
            Metadata = new() { Name = Text(pool, "cidr")! },
            Spec = ResourceJson.Read<Resource<IpPoolSpec>>(
                System.Text.Encoding.UTF8.GetBytes($$"""{"spec":{{pool.GetRawText()}} }""")).Spec,
        };
        return IpamPool.From(resource)!;
    }

    private static ImmutableDictionary<string, string>? Labels(JsonElement element) => element.ValueKind == JsonValueKind.Object
        ? element.EnumerateObject().Where(l => l.Value.ValueKind == JsonValueKind.String)
        .ToImmutableDictionary(l => l.Name, l => l.Value.GetString()!)
        : null;

    private static string? DeterminePools(JsonElement vector, JsonElement expect)
    {
        ImmutableArray<IpamPool> pools = [.. Items(vector, "pools").Select(Pool)];
        var node = vector.GetProperty("nodes").EnumerateObject().First().Value;
        var isNamespaced = vector.TryGetProperty("namespace", out var ns) && ns.ValueKind == JsonValueKind.Object;
        var namespaceLabels = isNamespaced ? Labels(ns.GetProperty("labels")) ?? ImmutableDictionary<string, string>.Empty : null;
        var version = pools.Length > 0 ? pools[0].Cidr.Version : 4;
        ImmutableArray<string> requested = [.. Items(vector, "requestedPools").Select(p => p.GetString()!)];
        try
        {
            var chosen = PoolChoice.Of(pools, version, requested, Labels(node) ?? ImmutableDictionary<string, string>.Empty,
                namespaceLabels);
            return Flag(expect, "error", false) ? "no error" : Same(chosen.Select(p => p.Cidr), Cidrs(expect, "pools"));
        }
        catch (CalicoException e)
        {
            return expect.TryGetProperty("error", out var error) && error.ValueKind is JsonValueKind.True or JsonValueKind.String ? null
                : e.Message;
        }
    }

    private static string? SelectsNamespace(JsonElement vector, JsonElement expect)
    {
        var pool = new IpamPool
        {
            Name = "p",
            Cidr = Cidr.Parse("10.0.0.0/24"),
            BlockSize = 26,
            NamespaceSelector = Text(vector, "namespaceSelector") ?? "",
        };
        try
        {
            var labels = Labels(vector.GetProperty("labels")) ?? ImmutableDictionary<string, string>.Empty;
            var matches = pool.SelectsNamespace(labels);
            return Flag(expect, "error", false) ? "no error" : matches == Flag(expect, "match", false) ? null : $"match is {matches}";
        }
        catch (CalicoException e)
        {
            return Flag(expect, "error", false) ? null : e.Message;
        }
    }

    private static string? Space(JsonElement vector, JsonElement expect)
    {
        var space = PoolSpace.Of(Cidr.Parse(Text(vector, "pool")!), AddressSet.Of(Cidrs(vector, "reservations")), Cidrs(vector, "blocks"));
        return space.Capacity == Number(expect, "capacity") && space.Reserved == Number(expect, "reserved")
            && space.AvailableOutsideBlocks == Number(expect, "availableOutsideBlocks") ? null : $"{space}, not {expect}";
    }

    private static string? Filter(JsonElement vector, JsonElement expect)
    {
        var set = AddressSet.Of(Cidrs(vector, "filter"));
        return Items(expect, "ipsMatch").Where(i => !set.Contains(System.Net.IPAddress.Parse(i.GetString()!)))
            .Select(i => $"{i} does not match")
            .Concat(Items(expect, "ipsNoMatch").Where(i => set.Contains(System.Net.IPAddress.Parse(i.GetString()!)))
                .Select(i => $"{i} matches"))
            .Concat(Cidrs(expect, "wholeCIDRsMatch").Where(c => !set.ContainsAll(c)).Select(c => $"{c} does not match"))
            .Concat(Cidrs(expect, "wholeCIDRsNoMatch").Where(set.ContainsAll).Select(c => $"{c} matches"))
            .FirstOrDefault();
    }

    private static VectorVerdict ReservedCidrs(JsonElement vector, JsonElement expect)
    {
        if (!vector.TryGetProperty("reservations", out _) || !expect.TryGetProperty("cidrs", out _))
        {
            return VectorVerdict.Skip("not machine-readable: no reservations or no cidrs");
        }

        var datastore = new IpamDatastore();
        datastore.SetReservations(vector);
        return Judge(Same(IpamDatastore.Run(new StoreIpamFacts(datastore.Store).ReservationsAsync(default).AsTask()).Ranges,
            Cidrs(expect, "cidrs")));
    }

    private static string? Generator(JsonElement vector, JsonElement expect)
    {
        var pool = Cidr.Parse(Text(vector, "pool")!);
        var blocks = BlockOrder.Of(pool, Number(vector, "blockSize"), Text(vector, "host")!).ToList();
        return blocks.Count != Number(expect, "blocksYielded") ? $"{blocks.Count} blocks"
            : Flag(expect, "eachBlockOnce", false) && blocks.Distinct().Count() != blocks.Count ? "a block comes twice"
            : Flag(expect, "allWithinPool", false) && !blocks.TrueForAll(pool.Contains) ? "a block is outside the pool"
            : null;
    }

    private static string? Order(JsonElement vector, JsonElement expect)
    {
        var wanted = Cidrs(expect, "firstBlocks").ToList();
        var blocks = BlockOrder.Of(Cidr.Parse(Text(vector, "pool")!), Number(vector, "blockSize"), Text(vector, "host")!)
            .Take(wanted.Count).ToList();
        return blocks.SequenceEqual(wanted) ? null : $"[{string.Join(' ', blocks)}], not [{string.Join(' ', wanted)}]";
    }

    private static string? ConfigOf(JsonElement vector, JsonElement expect)
    {
        var datastore = new IpamDatastore();
        string? error = null;
        if (vector.TryGetProperty("config", out var config))
        {
            try
            {
                IpamDatastore.Run(datastore.Client.SetConfigAsync(Config(config), default));
            }
            catch (CalicoException e)
            {
                error = e.Message;
            }
        }

        if (expect.TryGetProperty("error", out var wanted))
        {
            return wanted.ValueKind == JsonValueKind.String ? error?.Contains(wanted.GetString()!, StringComparison.Ordinal) == true ? null
                : $"error \"{error}\""
                : wanted.ValueKind == JsonValueKind.True == error is not null ? null : $"error \"{error}\"";
        }

        var value = IpamDatastore.Run(datastore.Client.GetConfigAsync(default));
        var isStored = !datastore.Store.Snapshot(IpamKeys.Config).IsEmpty;
        return value.StrictAffinity != Flag(expect, "strictAffinity", value.StrictAffinity)
            || value.AutoAllocateBlocks != Flag(expect, "autoAllocateBlocks", value.AutoAllocateBlocks)
            || value.MaxBlocksPerHost != Number(expect, "maxBlocksPerHost")
            || value.IpCooldownSeconds != Number(expect, "ipCooldownSeconds")
            || value.KubeVirtVMAddressPersistence != (Text(expect, "kubeVirtVMAddressPersistence") ?? value.KubeVirtVMAddressPersistence)
            || isStored != Flag(expect, "persistedByRead", isStored) ? $"{value}, not {expect}" : null;
    }

    private static string? FindOrClaim(JsonElement vector, JsonElement expect)
    {
        var datastore = new IpamDatastore();
        using var setup = JsonDocument.Parse("""{"pools":[{"cidr":"10.0.0.0/24","blockSize":30}],"nodes":{"host":{}}}""");
        datastore.Prepare(setup.RootElement);
        var affine = Cidrs(vector, "affineBlocks").ToList();
        if (affine.Count == 0)
        {
            affine = [Cidr.Parse("10.0.0.0/30")];
        }

        foreach (var block in affine)
        {
            IpamDatastore.Run(datastore.Client.ClaimAffinityAsync(block, new("host"), default));
        }

        if (Text(expect, "error") is { } error)
        {
            var request = new AutoAssignRequest { Host = "host", Ipv4 = (4 * affine.Count) + 1, Use = IntendedUse.Workload,
                MaxBlocks = affine.Count };
            var limited = IpamDatastore.Run(datastore.Client.AutoAssignAsync(request, default));
            return limited.Failure?.Message == error ? null : $"error \"{limited.Failure?.Message}\"";
        }

        foreach (var step in Items(expect, "sequence"))
        {
            var (wanted, isNew) = (step[0].GetString()!, step[1].GetBoolean());
            var request = new AutoAssignRequest { Host = "host", Ipv4 = 4, Use = IntendedUse.Workload };
            var got = IpamDatastore.Run(datastore.Client.AutoAssignAsync(request, default)).V4!.Blocks.Distinct().ToList();
            if (got.Count != 1 || affine.Contains(got[0]) == isNew || (!wanted.StartsWith('<') && got[0] != Cidr.Parse(wanted)))
            {
                return string.Create(CultureInfo.InvariantCulture, $"from [{string.Join(' ', got)}], not {wanted}");
            }
        }

        return null;
    }

    private static string? Utilization(JsonElement vector, JsonElement expect)
    {
        var datastore = new IpamDatastore();
        datastore.Prepare(vector);
        var steps = new IpamSteps(datastore);
        if (Items(vector, "steps").Select(steps.Run).FirstOrDefault(d => d is not null) is { } difference)
        {
            return difference;
        }

        var pools = IpamDatastore.Run(datastore.Client.GetUtilizationAsync([], default));
        foreach (var part in expect.EnumerateObject())
        {
            var words = part.Name.Split(' ');
            var actual = words[0] == "block"
                ? pools.SelectMany(p => p.Blocks).Where(b => b.Cidr == Cidr.Parse(words[1]))
                    .Select(b => $"{b.Capacity} {b.InUse} {b.Reserved} {b.Available}").FirstOrDefault()
                : pools.Where(p => words.Length < 2 || p.Cidr == Cidr.Parse(words[1]))
                    .Select(p => $"{p.Capacity} {p.InUse} {p.Reserved} {p.Available}").FirstOrDefault();
            var wanted = string.Create(CultureInfo.InvariantCulture,
                $"{Number(part.Value, "capacity")} {Number(part.Value, "inUse")} {Number(part.Value, "reserved")} {Number(part.Value, "available")}");
            if (actual != wanted)
            {
                return $"{part.Name} is {actual}, not {wanted}";
            }
        }

        return null;
    }

    private static string? ReleaseWithOptions(JsonElement vector, JsonElement release)
    {
        var datastore = new IpamDatastore();
        datastore.Prepare(vector);
        datastore.SetNode("host", default);
        foreach (var allocated in Items(vector, "allocate"))
        {
            var address = System.Net.IPAddress.Parse(allocated.GetString()!);

            // The vector does not say the handle; one that a release names and that is to succeed is meant.
            var handle = release.EnumerateArray().Where(r => Text(r, "address") == allocated.GetString() && !Flag(r, "expectError", false))
                .Select(r => Text(r, "handle")).FirstOrDefault(h => h is not null) ?? "handle-of-the-test";
            IpamDatastore.Run(datastore.Client.AssignAsync(new(address, "host", handle), default));
        }

        foreach (var stored in datastore.Store.Snapshot(IpamKeys.Assignments))
        {
            var spec = ResourceJson.Read<IpamBlockSpec>(stored.Value.Span);
            datastore.Store.Set(stored.Key, System.Text.Encoding.UTF8.GetString(ResourceJson.Write(spec with
            {
                SequenceNumberForAllocation = spec.SequenceNumberForAllocation!.ToImmutableSortedDictionary(s => s.Key, _ => 0UL),
            })));
        }

        foreach (var wish in release.EnumerateArray())
        {
            var request = new ReleaseRequest(System.Net.IPAddress.Parse(Text(wish, "address")!), Text(wish, "handle"),
                wish.TryGetProperty("sequenceNumber", out var sequence)
                && sequence.ValueKind == JsonValueKind.Number ? sequence.GetUInt64() : null);
            CalicoException? failure = null;
            try
            {
                IpamDatastore.Run(datastore.Client.ReleaseAsync([request], default));
            }
            catch (CalicoException e)
            {
                failure = e;
            }

            if (failure is not null != Flag(wish, "expectError", false))
            {
                return $"{request.Address}: error \"{failure?.Message}\"";
            }
        }

        return null;
    }

    private string? Steps(JsonElement vector)
    {
        if (!Flag(vector, "continuesPrevious", false))
        {
            _datastore = new();
        }

        if (Items(vector, "steps").Any(s => s.ValueKind != JsonValueKind.Object))
        {
            throw new NotSupportedException("steps in prose");
        }

        _datastore.Prepare(vector);
        if (vector.TryGetProperty("assignIPFirst", out var first) && first.ValueKind is JsonValueKind.String or JsonValueKind.Object)
        {
            var address = first.ValueKind == JsonValueKind.String ? first.GetString()! : (Text(first, "ip") ?? Text(first, "address"))!;
            var host = first.ValueKind == JsonValueKind.Object ? Text(first, "host") ?? "host-a" : "host-a";
            IpamDatastore.Run(_datastore.Client.AssignAsync(new(System.Net.IPAddress.Parse(address), host), default));
        }

        var steps = new IpamSteps(_datastore);
        return Items(vector, "steps").Select(steps.Run).FirstOrDefault(d => d is not null);
    }
}
