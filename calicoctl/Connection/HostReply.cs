namespace Calico.Cli.Connection;

/// <summary>The host's answer to one GET.</summary>
/// <param name="Status">HTTP status; 0: the answer has none.</param>
/// <param name="Body">UTF-8.</param>
internal sealed record HostReply(int Status, ReadOnlyMemory<byte> Body);
