namespace Calico.Datastore.Settings;

/// <summary>Names a setting: its environment variable, its path in the configuration file, and what <c>--help</c> says of it.</summary>
/// <param name="environment">Upstream's name where upstream has one. <c>CALICO_</c> before it works too, and is the one that counts.
/// </param>
/// <param name="path">Dotted path in <c>calico.cfg</c>.</param>
/// <param name="text">One line.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SettingAttribute(string environment, string path, string text) : Attribute
{
    public string Environment => environment;
    public string Path => path;
    public string Text => text;

    /// <summary>Upstream's name in a <c>CalicoAPIConfig</c> file; empty: such a file does not have it.</summary>
    public string ClientName { get; init; } = "";

    /// <summary>Values that are taken, for the error text; empty: any.</summary>
    public string Choices { get; init; } = "";
}
