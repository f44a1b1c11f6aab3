using System.CommandLine;
using System.Globalization;
using System.Numerics;
using Calico.Cli.Connection;
using Calico.Cli.Output;
using Calico.Ipam;

namespace Calico.Cli.Commands.Ipam;

/// <summary><c>calicoctl ipam show</c>.</summary>
internal static partial class IpamShowCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var ip = new Option<string?>("--ip") { Description = "Who has this address.", HelpName = "IP" };
        var blocks = new Option<bool>("--show-blocks") { Description = "Each block of the pools." };
        var borrowed = new Option<bool>("--show-borrowed") { Description = "Addresses that a node took from another's block." };
        var configuration = new Option<bool>("--show-configuration") { Description = "How addresses are assigned." };
        var output = OutputForm.Create();
        var compat = OutputForm.CreateCompat();
        var command = new Command("show", "Show how pools and addresses are used.") { ip, blocks, borrowed, configuration, output, compat };
        command.SetAction(async (result, ct) =>
        {
            var address = result.GetValue(ip) is { } text ? IpamCommand.ParseAddress(text) : null;
            await using var session = CliSession.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            var ipam = new IpamClient(session.Store, null, environment.Time);
            var asJson = result.GetValue(output) == "json";
            if (asJson && (address is not null || result.GetValue(borrowed)))
            {
                throw new CliException("-o json shows pools, blocks and the configuration; for an address: calicoctl ipam who IP -o json");
            }

            if (address is not null)
            {
                await AddressOwner.PrintAsync(environment.Output, ipam, address, ct);
                if (!OutputForm.IsCompat(result, compat, environment))
                {
                    await AddressOwner.PrintEndpointsAsync(environment.Output, session.Client, address, ct);
                }
            }
            else if (result.GetValue(configuration))
            {
                await ShowConfigurationAsync(environment, ipam, asJson, ct);
            }
            else if (result.GetValue(borrowed))
            {
                await ShowBorrowedAsync(environment, ipam, ct);
            }
            else if (!asJson && OutputForm.IsCompat(result, compat, environment))
            {
                await ShowUtilizationAsync(environment, ipam, result.GetValue(blocks), ct);
            }
            else
            {
                await ShowPoolsAsync(environment, session, ipam, result.GetValue(blocks), asJson, ct);
            }

            return 0;
        });
        return command;
    }

    private static async Task ShowUtilizationAsync(CliEnvironment environment, IpamClient ipam, bool blocks, CancellationToken ct)
    {
        var table = new BoxTable("GROUPING", "CIDR", "IPS TOTAL", "IPS IN USE", "IPS RESERVED", "IPS FREE");
        foreach (var pool in await ipam.GetUtilizationAsync([], ct))
        {
            table.Add("IP Pool", pool.Cidr.ToString(), Number(pool.Capacity), Share(pool.InUse, pool.Capacity),
                Share(pool.Reserved, pool.Capacity),
                Share(pool.Available, pool.Capacity));
            foreach (var block in blocks ? pool.Blocks : [])
            {
                table.Add("Block", block.Cidr.ToString(), Number(block.Capacity), Share(block.InUse, block.Capacity),
                    Share(block.Reserved, block.Capacity), Share(block.Available, block.Capacity));
            }
        }

        table.Write(environment.Output);
    }

    private static async Task ShowConfigurationAsync(CliEnvironment environment, IpamClient ipam, bool asJson, CancellationToken ct)
    {
        var config = await ipam.GetConfigAsync(ct);
        if (asJson)
        {
            JsonOutput.Write(environment.Output, "AddressConfiguration", new()
            {
                ["strictAffinity"] = config.StrictAffinity, ["autoAllocateBlocks"] = config.AutoAllocateBlocks,
                    ["maxBlocksPerHost"] = config.MaxBlocksPerHost,
                ["kubeVirtVMAddressPersistence"] = config.KubeVirtVMAddressPersistence ?? "Enabled",
                    ["ipCooldownSeconds"] = config.IpCooldownSeconds,
            });
            return;
        }

        var table = new BoxTable("PROPERTY", "VALUE");
        table.Add("StrictAffinity", Flag(config.StrictAffinity));
        table.Add("AutoAllocateBlocks", Flag(config.AutoAllocateBlocks));
        table.Add("MaxBlocksPerHost", config.MaxBlocksPerHost.ToString(CultureInfo.InvariantCulture));
        table.Add("KubeVirtVMAddressPersistence", $"\"{config.KubeVirtVMAddressPersistence ?? "Enabled"}\"");
        table.Add("IPCooldownSeconds", config.IpCooldownSeconds.ToString(CultureInfo.InvariantCulture));
        table.Write(environment.Output);
    }

    private static async Task ShowBorrowedAsync(CliEnvironment environment, IpamClient ipam, CancellationToken ct)
    {
        var table = new BoxTable("IP", "BORROWING-NODE", "BLOCK", "BLOCK OWNER", "TYPE", "ALLOCATED-TO");
        var withoutNode = 0;
        foreach (var block in (await ipam.BlocksAsync(4, ct)).Concat(await ipam.BlocksAsync(6, ct)))
        {
            var owner = block.Affinity is { } affinity
                && affinity.StartsWith("host:", StringComparison.Ordinal) ? affinity["host:".Length..] : "";
            foreach (var ordinal in block.AllocatedOrdinals)
            {
                var attribute = block.AttributeOf(ordinal);
                var node = attribute?.Secondary?.GetValueOrDefault("node");
                withoutNode += node is null ? 1 : 0;
                if (node is not null && node != owner)
                {
                    var (type, allocatedTo) = AllocatedTo(attribute!);
                    table.Add(block.AddressOf(ordinal).ToString(), node, block.Cidr.ToString(), owner, type, allocatedTo);
                }
            }
        }

        table.Write(environment.Output);
        if (withoutNode > 0)
        {
            await environment.Output.WriteLineAsync($"found {withoutNode} IP allocations without an explicit node association");
        }
    }

    private static (string Type, string AllocatedTo) AllocatedTo(Datastore.Resources.Ipam.IpamAttribute attribute)
    {
        var owner = attribute.Secondary!;
        return owner.GetValueOrDefault("pod") is { } pod ? ("pod", $"{owner.GetValueOrDefault("namespace")}/{pod}")
            : owner.GetValueOrDefault("type") is { } type ? (type, attribute.HandleId ?? "")
            : ("", attribute.HandleId ?? "");
    }

    private static string Flag(bool value) => value ? "true" : "false";

    private static string Share(BigInteger part, BigInteger whole) =>
        $"{Number(part)} ({(whole.IsZero ? 0 : (double)part / (double)whole * 100).ToString("F0", CultureInfo.InvariantCulture)}%)";

    /// <summary>As Go's %.5g: five significant digits, with an exponent where the number has more.</summary>
    private static string Number(BigInteger value) => value < 100_000
        ? value.ToString(CultureInfo.InvariantCulture)
        : ((double)value).ToString("0.####e+00", CultureInfo.InvariantCulture);
}
