using System.CommandLine;
using Calico.Cli.Connection;
using Calico.Cli.Output;

namespace Calico.Cli.Commands.Ipam;

/// <summary><c>calicoctl ipam check</c>; the exit code is 1 when anything does not agree, so that scripts notice.</summary>
internal static class IpamCheckCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var showAll = new Option<bool>("--show-all-ips") { Description = "Print every address, whatever its state." };
        var showProblems = new Option<bool>("--show-problem-ips") { Description = "Print the addresses that something is wrong with." };
        var output = OutputForm.Create();
        var verbose = new Option<bool>("--verbose") { Description = "Print each step and what it found, as upstream does." };
        var compat = OutputForm.CreateCompat();
        var command = new Command("check", "Compare what IPAM has assigned with what is in use.") { showAll, showProblems, output,
            verbose, compat };
        command.SetAction(async (result, ct) =>
        {
            await using var session = CliSession.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            var check = new IpamCheck(environment, session, result.GetValue(showAll), result.GetValue(showProblems));
            if (result.GetValue(output) != "json" && (result.GetValue(verbose) || result.GetValue(showAll) || result.GetValue(showProblems)
                || OutputForm.IsCompat(result, compat, environment)))
            {
                return await check.RunAsync(ct) == 0 ? 0 : 1;
            }

            var verdict = await check.JudgeAsync(ct);
            if (result.GetValue(output) == "json")
            {
                verdict.WriteJson(environment.Output);
            }
            else
            {
                verdict.Write(environment.Output);
            }

            return verdict.Problems == 0 ? 0 : 1;
        });
        return command;
    }
}
