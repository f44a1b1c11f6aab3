using System.CommandLine;
using Calico.Cli.Commands.Resources;
using Calico.Cli.Connection;
using Calico.Ipam;

namespace Calico.Cli.Commands.Ipam;

/// <summary><c>calicoctl ipam release --ip=IP</c>.</summary>
internal static class IpamReleaseCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var ip = new Option<string>("--ip") { Required = true, Description = "The address to release.", HelpName = "IP" };
        var force = new Option<bool>("--force") { Description = "Release it although somebody uses it." };
        var command = new Command("release", "Release an address that nobody uses any more.") { ip, force };
        var writing = new WriteOptions(command);
        command.SetAction(async (result, ct) =>
        {
            var address = IpamCommand.ParseAddress(result.GetValue(ip)!);
            await using var session = writing.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            if (!result.GetValue(force))
            {
                await AddressUse.RefuseUsedAsync(session.Store, address, environment.Time, ct);
            }

            var free = await new IpamClient(session.Store, null, environment.Time).ReleaseAsync([new ReleaseRequest(address)], ct);
            if (!free.IsEmpty)
            {
                throw new CliException($"IP address {address} is not assigned");
            }

            session.SayDone($"released IP address {address}");
            return 0;
        });
        return command;
    }
}
