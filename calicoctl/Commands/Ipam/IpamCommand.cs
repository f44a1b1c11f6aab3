using System.CommandLine;
using System.Net;
using Calico.Datastore.Addresses;

namespace Calico.Cli.Commands.Ipam;

/// <summary><c>calicoctl ipam ...</c>.</summary>
internal static class IpamCommand
{
    internal static Command Create(CliEnvironment environment) => new("ipam", "Look at and repair the assignment of addresses.")
    {
        IpamShowCommand.Create(environment),
        IpamWhoCommand.Create(environment),
        IpamReleaseCommand.Create(environment),
        IpamCheckCommand.Create(environment),
        IpamConfigureCommand.Create(environment),
    };

    /// <summary>An address as a user wrote it.</summary>
    internal static IPAddress ParseAddress(string text) => AddressText.TryParse(text, out var address)
        ? address
        : throw new CliException($"Error executing command: invalid IP address specified: {text}");
}
