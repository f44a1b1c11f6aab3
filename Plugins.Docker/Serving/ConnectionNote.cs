namespace Calico.Plugins.Docker.Serving;

/// <summary>What is known of a connection.</summary>
internal sealed class ConnectionNote(bool isIpam, string? process)
{
    private volatile bool _hasAsked;

    /// <summary>Which socket it came to.</summary>
    public bool IsIpam => isIpam;

    /// <summary>Who is at its other end (<see cref="PeerProcess"/>); null: it cannot be said.</summary>
    public string? Process => process;

    /// <summary>Whether a request came: dockerd keeps connections for ever, and whoever never asks does not.</summary>
    public bool HasAsked
    {
        get => _hasAsked;
        set => _hasAsked = value;
    }
}
