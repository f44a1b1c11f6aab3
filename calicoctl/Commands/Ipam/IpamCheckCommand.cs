using System.CommandLine;
using Calico.Cli.Connection;

namespace Calico.Cli.Commands.Ipam;

/// <summary><c>calicoctl ipam check</c>; the exit code is 1 when anything does not agree, so that scripts notice.</summary>
internal static class IpamCheckCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var showAll = new Option<bool>("--show-all-ips") { Description = "Print every address, whatever its state." };
        var showProblems = new Option<bool>("--show-problem-ips") { Description = "Print the addresses that something is wrong with." };
        var command = new Command("check", "Compare what IPAM has assigned with what is in use.") { showAll, showProblems };
        command.SetAction(async (result, ct) =>
        {
            await using var session = CliSession.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            return await new IpamCheck(environment, session, result.GetValue(showAll), result.GetValue(showProblems)).RunAsync(ct) == 0 ? 0 : 1;
        });
        return command;
    }
}
