namespace Calico.Plugins.Docker.Daemon;

/// <summary>dockerd's API did not do what it was asked.</summary>
internal sealed class DaemonException(string message, Exception? inner = null) : Exception(message, inner);
