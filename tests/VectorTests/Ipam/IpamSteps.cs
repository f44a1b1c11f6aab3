using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Ipam;
using static Calico.VectorTests.Ipam.IpamDatastore;

namespace Calico.VectorTests.Ipam;

/// <summary>Does the steps of a vector one after the other and says what is otherwise than expected.</summary>
internal sealed class IpamSteps(IpamDatastore datastore)
{
    private readonly Dictionary<string, Cidr> _named = [];
    private Cidr? _lastBlock;

    /// <returns>Null: as expected.</returns>
    public string? Run(JsonElement step)
    {
        var expect = step.TryGetProperty("expect", out var expected) ? expected : default;
        var op = Text(step, "op");
        string? difference = null;
        CalicoException? failure = null;
        try
        {
            difference = op switch
            {
                "autoAssign" => AutoAssign(step, expect),
                "assignIP" => AssignIP(step),
                "releaseIPs" => Release(step, expect),
                "releaseByHandle" => Done(datastore.Client.ReleaseByHandleAsync(Text(step, "handle")!, default)),
                "claimAffinity" => ClaimAffinity(step, expect),
                "releaseAffinity" => Done(datastore.Client.ReleaseAffinityAsync(BlockOf(step), new(Host(step)),
                    Flag(step, "mustBeEmpty", false), default)),
                "ensureBlock" => EnsureBlock(step),
                "createPool" or "updatePool" => Pool(step),
                "deletePool" => DeletePool(step),
                "removeHost" or "removeIPAMHost" => Done(datastore.Client.RemoveHostAsync(Host(step), default)),
                "releaseHostAffinities" =>
                    Done(datastore.Client.ReleaseHostAffinitiesAsync(new(Host(step)), Flag(step, "mustBeEmpty", false), default)),
                "setConfig" => Done(datastore.Client
                    .SetConfigAsync(Config(step.TryGetProperty("config", out var config) ? config : step), default)),
                "getUtilization" => null,
                _ => throw new NotSupportedException($"step {op}"),
            };
        }
        catch (CalicoException e)
        {
            failure = e;
        }

        return difference ?? Compare(expect, failure) ?? State(step, expect);
    }

    private static string? Done(Task task)
    {
        IpamDatastore.Run(task);
        return null;
    }

    private static string? Compare(JsonElement expect, CalicoException? failure)
    {
        var wanted = expect.ValueKind == JsonValueKind.Object && expect.TryGetProperty("error", out var error) ? error : default;
        return wanted.ValueKind switch
        {
            JsonValueKind.String => failure?.Message.Contains(wanted.GetString()!, StringComparison.Ordinal) == true
                ? null : $"error \"{failure?.Message}\", not \"{wanted.GetString()}\"",
            JsonValueKind.True => failure is null ? "no error" : null,
            _ => failure is null ? null : $"failed: {failure.Message}",
        };
    }

    private string Host(JsonElement step) => Text(step, "host") is { } host && !host.StartsWith('<') ? host
        : Text(step, "host") is not null ? LongestNode() : datastore.FirstNode;

    private string LongestNode() => datastore.Store.Snapshot("/calico/resources/v3/projectcalico.org/nodes/")
        .Select(k => k.Key[(k.Key.LastIndexOf('/') + 1)..]).MaxBy(n => n.Length)!;

    private Cidr BlockOf(JsonElement step) =>
        Text(step, "block") is { } text && Cidr.TryParse(text, out var cidr) ? cidr
        : Text(step, "cidr") is { } other ? Cidr.Parse(other)
        : _lastBlock ?? throw new NotSupportedException("no block to speak of");

    private string? AutoAssign(JsonElement step, JsonElement expect)
    {
        var request = new AutoAssignRequest
        {
            Host = Host(step),
            Ipv4 = Number(step, "num4"),
            Ipv6 = Number(step, "num6"),
            Handle = Text(step, "handle"),
            Use = Enum.TryParse<IntendedUse>(Text(step, "intendedUse"), out var use) ? use : IntendedUse.Unspecified,
            Pools4 = [.. Items(step, "requestedPools4").Select(p => p.GetString()!)],
            Pools6 = [.. Items(step, "requestedPools6").Select(p => p.GetString()!)],
            MaxBlocks = Number(step, "maxBlocksPerHost"),
            MaxPerHandle = Number(step, "maxAllocToHandlePerIPVersion"),
            Namespace = step.TryGetProperty("namespace", out var ns) && ns.ValueKind == JsonValueKind.Object ? Text(ns, "name") ?? "" : "",
            NamespaceLabels = ns.ValueKind == JsonValueKind.Object && ns.TryGetProperty("labels", out var labels)
                && labels.ValueKind == JsonValueKind.Object
                ? labels.EnumerateObject().ToDictionary(l => l.Name, l => l.Value.GetString()!) : null,
            Reserved4 = Reservation(step, "hostReservedAttr4"),
            Reserved6 = Reservation(step, "hostReservedAttr6"),
        };
        var result = IpamDatastore.Run(datastore.Client.AutoAssignAsync(request, default));
        ImmutableArray<IPAddress> addresses = [.. result.V4?.Addresses ?? [], .. result.V6?.Addresses ?? []];
        datastore.Assigned.AddRange(addresses);
        _lastBlock = result.V4?.Blocks.LastOrDefault() ?? result.V6?.Blocks.LastOrDefault();
        var difference = expect.ValueKind != JsonValueKind.Object ? null
            : Family(expect, "v4", result.V4) ?? Family(expect, "v6", result.V6) ?? Whole(expect, addresses);
        return difference is null && result.Failure is { } failure ? throw failure : difference;
    }

    private static string? Family(JsonElement expect, string name, AssignedAddresses? got)
    {
        if (!expect.TryGetProperty(name, out var wanted))
        {
            return null;
        }

        if (wanted.ValueKind == JsonValueKind.Null)
        {
            return got is null ? null : $"{name} has {got.Addresses.Length} addresses, none expected";
        }

        if (wanted.ValueKind == JsonValueKind.Number)
        {
            return got?.Addresses.Length == wanted.GetInt32() ? null : $"{name} has {got?.Addresses.Length} addresses, not {wanted}";
        }

        var messages = Items(wanted, "msgs").Select(m => m.GetString()!).ToArray();
        return got is null ? $"{name} is missing"
            : got.Addresses.Length != Number(wanted, "count")
            ? $"{name} has {got.Addresses.Length} addresses, not {Number(wanted, "count")}"
            : got.Requested != Number(wanted, "numRequested") ? $"{name} asked for {got.Requested}, not {Number(wanted, "numRequested")}"
            : !got.Messages.SequenceEqual(messages)
            ? $"{name} says [{string.Join("; ", got.Messages)}], not [{string.Join("; ", messages)}]"
            : got.Addresses.Distinct().Count() != got.Addresses.Length ? $"{name} has an address twice"
            : null;
    }

    private string? Whole(JsonElement expect, ImmutableArray<IPAddress> addresses)
    {
        foreach (var name in new[] { "in", "allIn" })
        {
            if (Text(expect, name) is { } range && (addresses.IsEmpty || !addresses.All(Cidr.Parse(range).Contains)))
            {
                return $"[{string.Join(' ', addresses)}] is not in {range}";
            }
        }

        if (expect.TryGetProperty("count", out var count) && count.ValueKind == JsonValueKind.Number
            && count.GetInt32() != addresses.Length)
        {
            return $"{addresses.Length} addresses, not {count}";
        }

        if (Text(expect, "block") is { } label && _lastBlock is { } block && !_named.TryAdd(label, block) && _named[label] != block)
        {
            return $"from block {block}, not {_named[label]}";
        }

        return null;
    }

    private string? AssignIP(JsonElement step)
    {
        var address = IPAddress.Parse(Text(step, "ip")!);
        var use = Enum.TryParse<IntendedUse>(Text(step, "intendedUse"), out var parsed) ? parsed : IntendedUse.Unspecified;
        IpamDatastore.Run(datastore.Client.AssignAsync(
            new(address, Host(step), Text(step, "handle"), use, Number(step, "maxAllocToHandlePerIPVersion")), default));
        datastore.Assigned.Add(address);
        return null;
    }

    private string? Release(JsonElement step, JsonElement expect)
    {
        ImmutableArray<IPAddress> addresses = Flag(step, "all", false) ? [.. datastore.Assigned]
            : [.. Items(step, "ips").Select(i => IPAddress.Parse(i.GetString()!))];
        var unallocated = IpamDatastore.Run(datastore.Client.ReleaseAsync([.. addresses.Select(a => new ReleaseRequest(a))], default));
        datastore.Assigned.RemoveAll(addresses.Contains);
        if (expect.ValueKind != JsonValueKind.Object || !expect.TryGetProperty("unallocated", out var wanted)
            || wanted.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var expected = wanted.EnumerateArray().Select(w => IPAddress.Parse(w.GetString()!)).ToHashSet();
        return expected.SetEquals(unallocated) ? null
            : $"unallocated [{string.Join(' ', unallocated)}], not [{string.Join(' ', expected)}]";
    }

    private string? ClaimAffinity(JsonElement step, JsonElement expect)
    {
        var claims = IpamDatastore.Run(datastore.Client.ClaimAffinityAsync(Cidr.Parse(Text(step, "cidr")!), new(Host(step)), default));
        return expect.ValueKind != JsonValueKind.Object ? null
            : claims.Claimed.Length != Number(expect, "claimed") || claims.Failed.Length != Number(expect, "failed")
                ? $"claimed {claims.Claimed.Length}, failed {claims.Failed.Length}, not {expect}"
                : null;
    }

    private string? EnsureBlock(JsonElement step)
    {
        var request = new AutoAssignRequest
        {
            Host = Host(step),
            Use = IntendedUse.Workload,
            Ipv4 = 1,
            Reserved4 = Reservation(step, "hostReservedAttr4"),
        };
        var (v4, _) = IpamDatastore.Run(datastore.Client.EnsureBlockAsync(request, default));
        return v4 is null ? "no block" : null;
    }

    private string? Pool(JsonElement step)
    {
        datastore.SetPool(step);
        return null;
    }

    private string? DeletePool(JsonElement step)
    {
        datastore.DeletePool(Text(step, "cidr")!);
        return null;
    }

    private static HostReservation? Reservation(JsonElement step, string name) =>
        step.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? new(Number(value, "startOfBlock"), Number(value, "endOfBlock"),
                Text(value, "handle") ?? AllocationBlock.WindowsReservedHandle)
            : null;

    private string? State(JsonElement step, JsonElement expect)
    {
        if (expect.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var blocks = datastore.Blocks();
        string? Check(string name, Func<object?> actual) =>
            expect.TryGetProperty(name, out var wanted) && wanted.ToString() != Convert.ToString(actual(), CultureInfo.InvariantCulture)
                ? $"{name} is {actual()}, not {wanted}" : null;

        int Affine(int version, string host) => IpamDatastore.Run(datastore.Client.AffineBlocksAsync(new(host), version, default)).Length;

        return Check("blocks", () => blocks.Length)
            ?? Check("affineBlocks", () => Affine(4, Host(step)) + Affine(6, Host(step)))
            ?? Check("affinitiesV6ForHost", () => Affine(6, Host(step)))
            ?? Check("affinitiesV6Total", () => datastore.Store.Snapshot(IpamKeys.Hosts)
                .Count(k => k.Key.Contains("/ipv6/block/", StringComparison.Ordinal)))
            ?? Check("blockAffinity", () => blocks.FirstOrDefault(b => b.Cidr == (_lastBlock ?? b.Cidr))?.Affinity);
    }
}
