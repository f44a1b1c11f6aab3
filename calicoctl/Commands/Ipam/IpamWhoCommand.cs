using System.CommandLine;
using Calico.Cli.Connection;
using Calico.Datastore.Resources;
using Calico.Ipam;

namespace Calico.Cli.Commands.Ipam;

/// <summary><c>calicoctl ipam who IP</c>: IPAM's record of an address, and the endpoints that say they have it.</summary>
internal static class IpamWhoCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var config = new ResourceOptions().Config;
        var ip = new Argument<string>("IP");
        var command = new Command("who", "Show who has an address, by IPAM and by endpoints.") { ip, config };
        command.SetAction(async (result, ct) =>
        {
            var address = IpamCommand.ParseAddress(result.GetValue(ip)!);
            await using var session = CliSession.Open(environment, result.GetValue(config));
            await session.WarnOfVersionAsync(ct);
            await AddressOwner.PrintAsync(environment.Output, new IpamClient(session.Store, null, environment.Time), address, ct);
            var endpoints = (await session.Client.ListAsync("WorkloadEndpoint", "", ct)).Items.OfType<Resource<WorkloadEndpointSpec>>()
                .Where(endpoint => AddressOwner.Has(endpoint, address)).ToArray();
            foreach (var endpoint in endpoints)
            {
                await environment.Output.WriteLineAsync(
                    $"WorkloadEndpoint: {endpoint.Metadata.Namespace}/{endpoint.Metadata.Name} on node {endpoint.Spec.Node}");
            }

            if (endpoints.Length == 0)
            {
                await environment.Output.WriteLineAsync("No WorkloadEndpoint has it");
            }

            return 0;
        });
        return command;
    }
}
