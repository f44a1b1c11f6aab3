using System.Numerics;
using System.Text.Json.Nodes;
using Calico.Cli.Connection;
using Calico.Cli.Output;
using Calico.Datastore.Addresses;
using Calico.Ipam;

namespace Calico.Cli.Commands.Ipam;

/// <summary>Pools for people and programs.</summary>
internal static partial class IpamShowCommand
{
    private const int BarWidth = 16;

    /// <summary>What utilization calls the blocks that no pool contains.</summary>
    private const string Orphans = "orphaned allocations";

    /// <summary>A pool or block.</summary>
    /// <param name="Used">Addresses that somebody has.</param>
    /// <param name="Held">Addresses that nobody has and nobody gets now: reserved, parked for a node, or resting.</param>
    private sealed record Use(string Name, Cidr Cidr, BigInteger Capacity, BigInteger Used, BigInteger Held, BigInteger Free, string Place);

    private static async Task ShowPoolsAsync(CliEnvironment environment, CliSession session, IpamClient ipam, bool withBlocks, bool asJson,
        CancellationToken ct)
    {
        var snapshot = await IpamSnapshot.ReadAsync(session.Store, null, ct);
        var held = IpamReport.Of(snapshot, []).Addresses.Where(address => address.IsReserve || address.IsCooling).ToArray();
        BigInteger HeldIn(Cidr range) => held.Count(address => range.Contains(Cidr.From(address.Address)));
        var pools = new List<Use>();
        var blocks = new List<Use>();
        foreach (var pool in await ipam.GetUtilizationAsync([], ct))
        {
            var size = pool.Blocks is [var first, ..] ? first.Capacity : 0;
            var idle = pool.Name == Orphans ? pool.Blocks.Aggregate(BigInteger.Zero, (sum, block) => sum + HeldIn(block.Cidr))
                : HeldIn(pool.Cidr);
            pools.Add(new(pool.Name, pool.Cidr, pool.Capacity, pool.InUse - idle, pool.Reserved + idle, pool.Available,
                size == 0 ? "0" : $"{pool.Blocks.Length} of {Number(pool.Capacity / size)}"));
            blocks.AddRange(pool.Blocks.Select(block => new Use(pool.Name, block.Cidr, block.Capacity, block.InUse - HeldIn(block.Cidr),
                block.Reserved + HeldIn(block.Cidr), block.Available, block.Affinity ?? "none")));
        }

        if (asJson)
        {
            JsonOutput.Write(environment.Output, "AddressPools", new()
            {
                ["pools"] = new JsonArray([.. pools.Select(pool => (JsonNode)Json(pool, "blocks"))]),
                ["blocks"] = new JsonArray([.. (withBlocks ? blocks : []).Select(block => (JsonNode)Json(block, "affinity"))]),
            });
            return;
        }

        Print(environment, pools, "BLOCKS");
        if (withBlocks)
        {
            environment.Output.WriteLine();
            Print(environment, blocks, "AFFINITY");
        }
    }

    private static void Print(CliEnvironment environment, List<Use> uses, string place)
    {
        if (uses.Count == 0)
        {
            environment.Output.WriteLine(place == "BLOCKS" ? "there is no IP pool; calicoctl apply one" : "no node has a block");
            return;
        }

        var table = new TextTable("POOL", "CIDR", "USED", "HELD", "FREE", place, "USE");
        foreach (var use in uses)
        {
            table.Add(use.Name, use.Cidr.ToString(), Number(use.Used), Number(use.Held), Number(use.Free), use.Place, Bar(use));
        }

        table.Write(environment.Output, environment.Width);
    }

    // A pool that is full to the last address has a whole bar, and only such a pool has.
    private static string Bar(Use use)
    {
        var marks = use.Capacity.IsZero ? 0 : (int)((use.Capacity - use.Free) * BarWidth / use.Capacity);
        return $"[{new string('#', marks).PadRight(BarWidth)}]";
    }

    private static JsonObject Json(Use use, string place) => new()
    {
        ["pool"] = use.Name, ["cidr"] = use.Cidr.ToString(), ["capacity"] = use.Capacity.ToString(), ["used"] = use.Used.ToString(),
        ["held"] = use.Held.ToString(), ["free"] = use.Free.ToString(), [place] = use.Place,
    };
}
