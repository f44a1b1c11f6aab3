namespace Calico.Plugins.Docker.Serving;

/// <summary>What is known of a connection.</summary>
internal sealed class ConnectionNote(bool isIpam)
{
    private volatile bool _hasAsked;

    /// <summary>Which socket it came to.</summary>
    public bool IsIpam => isIpam;

    /// <summary>Whether a request came: dockerd keeps connections for ever, and whoever never asks does not.</summary>
    public bool HasAsked
    {
        get => _hasAsked;
        set => _hasAsked = value;
    }
}
