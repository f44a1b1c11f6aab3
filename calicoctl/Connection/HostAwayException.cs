namespace Calico.Cli.Connection;

/// <summary>No host process answers on this machine's control socket; one may a moment later.</summary>
internal sealed class HostAwayException(string message) : CliException(message);
