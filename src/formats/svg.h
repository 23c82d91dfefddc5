/* Line plots, bar charts, heat maps, graphs and points as SVG, and text made safe for XML and HTML. */
#ifndef RAPT_SRC_SVG_H
#define RAPT_SRC_SVG_H

#include "base/base.h"

typedef struct rapt__series {
  const char *name; /* NULL: not in the legend */
  const double *x, *y;
  size_t count;
} rapt__series;

typedef struct rapt__plot {
  const char *title, *x_title, *y_title; /* each may be NULL */
  bool log_x, log_y;
  const rapt__series *series;
  size_t count;
  double width, height; /* in pixels; 0: 720 by 400 */
} rapt__plot;

/* Appends one <svg> element, which is also a whole SVG file. Points that are not finite, or not positive on a
 * logarithmic axis, are left out and the line goes on behind them. */
rapt_status rapt__svg_plot(rapt__text *out, const rapt__plot *plot);

/* Horizontal bars, one group a label. */
typedef struct rapt__bars {
  const char *title, *x_title; /* each may be NULL */
  const char *const *labels;   /* count */
  const char *const *series;   /* names for the legend, or NULL */
  const double *values;        /* (count, series_count); not finite: no bar, and a dash for the number */
  size_t count, series_count;  /* at most 1000 and 8; series_count 0 is 1 */
  double width;                /* in pixels; 0: 720 */
} rapt__bars;

/* Appends one <svg> element: bars from zero, each with its number. RAPT_EINVAL: too many bars. */
rapt_status rapt__svg_bars(rapt__text *out, const rapt__bars *bars);

/* A matrix in colours, for instance attention: rows look at columns. */
typedef struct rapt__heat {
  const char *title, *row_title, *column_title;         /* each may be NULL */
  const char *const *row_labels, *const *column_labels; /* or NULL; long ones are cut */
  const double *values;                                 /* (rows, columns); not finite: a grey cell */
  size_t rows, columns;                                 /* each at most 512 */
  double low, high;                                     /* of the colour scale; equal: from the values */
  double cell;                                          /* side in pixels; 0: fits the width of a page */
  const bool *marked;                                   /* (rows, columns): cells with a dot in them; or NULL */
} rapt__heat;

/* Appends one <svg> element. Equal steps of the value are equal steps of lightness, away from the background of a light
 * or a dark page. Up to 1024 cells say their value when pointed at. RAPT_EINVAL: too many rows or columns. */
rapt_status rapt__svg_heat(rapt__text *out, const rapt__heat *heat);

/* Points of a plane with a label each, for instance projections of vectors. */
typedef struct rapt__points {
  const char *title;         /* or NULL */
  const double *x, *y;       /* [count]; what is not finite is left out */
  const char *const *labels; /* [count], or NULL */
  const int *groups;         /* [count] from 0: points of a group have one colour; or NULL */
  size_t count;
} rapt__points;

/* Appends one <svg> element without axes: both directions fill the picture. */
rapt_status rapt__svg_points(rapt__text *out, const rapt__points *points);
/* A directed graph: states and what leads from one to another, a trellis, a tree. */
typedef struct rapt__svg_node {
  const char *label, *note; /* in the node and below it; each may be NULL */
  double x, y;              /* of the centre, in pixels, if the graph is `placed` */
  double shade;             /* how full its colour is, 0 … 1 */
  bool strong;              /* a thick border */
} rapt__svg_node;

typedef struct rapt__svg_edge {
  size_t from, to;   /* equal: a loop */
  double weight;     /* thickness, 0 … 1 */
  const char *label; /* or NULL */
  bool strong;       /* in the second colour */
} rapt__svg_edge;

typedef struct rapt__digraph {
  const char *title; /* may be NULL */
  const rapt__svg_node *nodes;
  const rapt__svg_edge *edges;   /* drawn in this order, below the nodes */
  size_t node_count, edge_count; /* at most 2000 and 20000 */
  bool placed;                   /* else the nodes stand on an ellipse, from the left clockwise */
  bool straight;                 /* lines without heads; else curved arrows */
  double radius;                 /* of a node; 0: 26 */
  double width, height;          /* in pixels; 0: 720 by 420 */
} rapt__digraph;

/* Appends one <svg> element. RAPT_EINVAL: too many nodes or edges, an edge to no node, a place that is not finite. */
rapt_status rapt__svg_digraph(rapt__text *out, const rapt__digraph *graph);

/* Appends text for an element or a quoted attribute of XML or HTML. Bytes that are not UTF-8 and characters that XML
 * forbids become U+FFFD. NULL appends nothing. */
rapt_status rapt__xml_escape(rapt__text *out, const char *s);

#endif
