namespace Calico.Plugins.Docker.Daemon;

/// <summary>Which daemon it is.</summary>
/// <param name="Id">Of its data: the same over its restarts.</param>
/// <param name="Process">That listens, as <see cref="Serving.PeerProcess"/> writes it; null: not known. Another's where that handed the
/// socket over (socket activation).</param>
internal sealed record DaemonIdentity(string Id, string? Process);
