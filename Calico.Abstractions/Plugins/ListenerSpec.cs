namespace Calico;

/// <summary>A unix socket that the host binds for an adapter.</summary>
/// <param name="Name">Key for <see cref="IListeners.Take"/>.</param>
/// <param name="Path">Absolute; at most 107 bytes (<c>sun_path</c>, unix(7)). Directories above it are made, root-owned, 0755.</param>
/// <param name="Mode">Permissions of the socket file; set before it becomes visible under its name.</param>
/// <param name="MaxConnections">Backlog of the listening socket.</param>
public sealed record ListenerSpec(string Name, string Path, UnixFileMode Mode, int MaxConnections = 256);
