using System.CommandLine;
using System.Globalization;
using Calico.Cli.Commands.Resources;
using Calico.Cli.Connection;
using Calico.Ipam;

namespace Calico.Cli.Commands.Ipam;

/// <summary><c>calicoctl ipam configure</c>.</summary>
internal static class IpamConfigureCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var strict = new Option<string?>("--strictaffinity")
        {
            Description = "Whether a node takes addresses from its own blocks only.",
            HelpName = "BOOL",
        };
        var blocks = new Option<string?>("--max-blocks-per-host")
        {
            Description = "Most blocks of a node; 0: any number.",
            HelpName = "N",
        };
        var persistence = new Option<string?>("--kubevirt-ip-persistence") { Description = "Enabled or Disabled." };
        var cooldown = new Option<string?>("--ip-cooldown-seconds") { Description = "How long a released address rests.", HelpName = "N" };
        var command = new Command("configure", "Change how addresses are assigned.") { strict, blocks, persistence, cooldown };
        var writing = new WriteOptions(command);
        command.SetAction(async (result, ct) =>
        {
            var values = (Strict: result.GetValue(strict), Blocks: result.GetValue(blocks), Persistence: result.GetValue(persistence),
                Cooldown: result.GetValue(cooldown));
            if (values is (null, null, null, null))
            {
                throw new CliException("at least one configuration option must be specified");
            }

            await using var session = writing.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            var ipam = new IpamClient(session.Store, null, environment.Time);
            var wanted = await ipam.GetConfigAsync(ct);
            var done = new List<string>();
            if (values.Strict is { } strictText)
            {
                var on = bool.TryParse(strictText, out var parsed)
                    ? parsed
                    : throw new CliException("invalid value. Use true or false to set strictaffinity");
                wanted = wanted with { StrictAffinity = on };
                done.Add($"StrictAffinity to: {(on ? "true" : "false")}");
            }

            if (values.Blocks is { } blocksText)
            {
                var number = ParseNumber(blocksText, 1_000_000, "invalid value for maxblockhost. Use a valid number");
                wanted = wanted with { MaxBlocksPerHost = number };
                done.Add($"MaxBlocksPerHost to: {wanted.MaxBlocksPerHost}");
            }

            if (values.Persistence is { } persistenceText)
            {
                wanted = wanted with
                {
                    KubeVirtVMAddressPersistence = persistenceText is "Enabled" or "Disabled"
                        ? persistenceText
                        : throw new CliException("invalid value. Use Enabled or Disabled to set kubevirt-ip-persistence"),
                };
                done.Add($"KubeVirtVMAddressPersistence to: {persistenceText}");
            }

            if (values.Cooldown is { } cooldownText)
            {
                var seconds = ParseNumber(cooldownText, 1200, "invalid value for ip-cooldown-seconds. Use a number from 0 to 1200");
                wanted = wanted with { IpCooldownSeconds = seconds };
                done.Add($"IPCooldownSeconds to: {wanted.IpCooldownSeconds}");
            }

            await ipam.SetConfigAsync(wanted, ct);
            session.SayDone([.. done.Select(line => $"set {line}")]);
            return 0;
        });
        return command;
    }

    private static int ParseNumber(string text, int most, string wrong) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= most
            ? number
            : throw new CliException(wrong);
}
