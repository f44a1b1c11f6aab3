namespace Calico.Datastore.Resources.Shapes;

/// <summary>A rule over several members of one object.</summary>
public delegate void ObjectCheck(JsonObjectView it, ShapeReport report);
