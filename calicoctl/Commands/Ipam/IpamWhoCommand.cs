using System.CommandLine;
using System.Globalization;
using System.Net;
using Calico.Cli.Connection;
using Calico.Cli.Endpoints;
using Calico.Cli.Output;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Ipam;

namespace Calico.Cli.Commands.Ipam;

/// <summary><c>calicoctl ipam who IP</c>: IPAM's record of an address, who says that they have it, and whether they are alive.</summary>
internal static class IpamWhoCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var ip = new Argument<string>("IP");
        var output = OutputForm.Create();
        var command = new Command("who", "Show who has an address, and whether they are alive.") { ip, output };
        command.SetAction(async (result, ct) =>
        {
            await using var session = CliSession.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            var address = await AddressAsync(session.Client, result.GetValue(ip)!, ct);
            var snapshot = await IpamSnapshot.ReadAsync(session.Store, null, ct);
            var users = (await AuditedEndpoints.OfWorkloadsAsync(session.Client, ct))
                .AddRange(await AuditedEndpoints.OfTunnelsAsync(session.Client, ct))
                .Where(user => user.Addresses.Contains(address)).Select(user => user.Name).ToArray();
            var found = IpamReport.Of(snapshot, []).Find(address);
            var here = await OnThisNodeAsync(environment, address, ct);
            if (result.GetValue(output) == "json")
            {
                JsonOutput.Write(environment.Output, "AddressOwner", new()
                {
                    ["address"] = address.ToString(), ["pool"] = PoolOf(snapshot, address), ["block"] = found?.Block.ToString(),
                        ["handle"] = found?.Handle,
                    ["node"] = found?.Node, ["resting"] = found?.IsCooling == true, ["users"] = JsonOutput.Texts(users), ["here"] = here,
                });
                return 0;
            }

            string[] sentences =
            [
                found is null && PoolOf(snapshot, address) is null ? $"{address} is not assigned and is in no IP pool."
                    : Allocation(address, found),
                users.Length == 0 ? "In the datastore no endpoint or tunnel has it."
                    : $"It is the address of {string.Join(" and ", users)}.",
                here,
            ];
            await environment.Output.WriteLineAsync(string.Join(' ', sentences));
            return 0;
        });
        return command;
    }

    private static string? PoolOf(IpamSnapshot snapshot, IPAddress address) =>
        snapshot.Pools.Where(pool => pool.Cidr.Contains(address)).Select(pool => pool.Name).FirstOrDefault();

    // Who does not know the address knows the endpoint.
    private static async Task<IPAddress> AddressAsync(ResourceClient client, string text, CancellationToken ct)
    {
        if (AddressText.TryParse(text, out var address))
        {
            return address;
        }

        var key = (await new EndpointFinder(client).KeysAsync(Kinds.WorkloadEndpoint, [text], new("", All: false), ct))[0];
        var addresses = Kinds.WorkloadEndpoint.TryRead(await client.FindAsync(key, ct), out var endpoint)
            ? AuditedEndpoints.Parse(endpoint.Spec.IpNetworks ?? []) : [];
        return addresses.IsEmpty ? throw new CliException($"'{text}' is neither an address nor an endpoint that has one") : addresses[0];
    }

    private static string Allocation(IPAddress address, AuditedAddress? found)
    {
        if (found is null)
        {
            return $"{address} is not assigned.";
        }

        var place = $"in block {found.Block} ({found.BlockAffinity ?? "no affinity"})";
        if (found.IsCooling)
        {
            return $"{address} {place} is not assigned: it was released and rests.";
        }

        var attributes = found.Attributes.RemoveRange(["node", "timestamp"]).Select(pair => $"{pair.Key}={pair.Value}").ToArray();
        return $"{address} {place} is assigned to handle '{found.Handle}'"
            + (found.Node is { } node ? $" on node {node}" : "")
            // A writer that left no time reads as the start of times.
            + (found.Lease.Since > DateTimeOffset.UnixEpoch ? $" since {Time(found.Lease.Since)}" : "")
            + (attributes.Length == 0 ? "." : $" ({string.Join(", ", attributes)}).");
    }

    private static async Task<string> OnThisNodeAsync(CliEnvironment environment, IPAddress address, CancellationToken ct)
    {
        try
        {
            var text = address.ToString();
            var lease = (await HostClient.GetAsync(environment.HostSocket, "/leases", HostJson.Default.HostLeaseArray, ct))
                .FirstOrDefault(lease => lease.Address == text);
            var endpoint = (await HostClient.GetAsync(environment.HostSocket, "/endpoints", HostJson.Default.HostEndpointArray, ct))
                .FirstOrDefault(endpoint => endpoint.Addresses.Any(own => own.Split('/')[0] == text) || endpoint.Id == lease?.BoundTo);
            var life = endpoint switch
            {
                { } alive => $"endpoint {alive.Id} is here "
                    + $"on {alive.HostInterface}, {alive.State}{(alive.Reason.Length > 0 ? $" ({alive.Reason})" : "")}.",
                null when lease?.BoundTo is { } gone => $"endpoint {gone}, which it is bound to, is not here any more.",
                null => "no endpoint here has it.",
            };
            var holder = lease switch
            {
                { Owner.Length: > 0 } => $"adapter {lease.Adapter} holds it for {lease.Owner} ({lease.Purpose})",
                not null => $"adapter {lease.Adapter} holds it ({lease.Purpose})",
                null => "there is no lease of it",
            };
            return $"On this node {holder}; {life}";
        }
        catch (HostAwayException e)
        {
            return $"This node was not asked: {e.Message}.";
        }
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
