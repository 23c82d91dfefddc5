/* rapt/rapt.h: everything. */
#ifndef RAPT_RAPT_H
#define RAPT_RAPT_H

#include <rapt/align.h>
#include <rapt/base.h>
#include <rapt/data.h>
#include <rapt/embed.h>
#include <rapt/explain.h>
#include <rapt/graph.h>
#include <rapt/metrics.h>
#include <rapt/model.h>
#include <rapt/music.h>
#include <rapt/ops.h>
#include <rapt/parallel.h>
#include <rapt/recipe.h>
#include <rapt/rescore.h>
#include <rapt/runs.h>
#include <rapt/sweep.h>
#include <rapt/system.h>
#include <rapt/text.h>
#include <rapt/translate.h>

#endif
