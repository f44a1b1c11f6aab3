namespace Calico.Plugins.Cni.Protocol;

/// <summary>Error codes of the CNI specification (1 to 99) and ours.</summary>
internal static class CniCode
{
    public const int IncompatibleVersion = 1;
    public const int UnsupportedField = 2;
    public const int UnknownContainer = 3;
    public const int InvalidEnvironment = 4;
    public const int Undecodable = 6;
    public const int InvalidConfiguration = 7;
    public const int TryAgainLater = 11;

    /// <summary>STATUS: no ADD can be served.</summary>
    public const int NotAvailable = 50;

    /// <summary>STATUS: no ADD can be served, and what runs may have limited connectivity.</summary>
    public const int LimitedConnectivity = 51;

    /// <summary>Everything that the specification has no number for.</summary>
    public const int Calico = 100;
}
